#include "config/option_table.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fmt/format.h>
#include <stdexcept>

namespace millrace {

namespace {

using enum Command;
using enum OptionGroup;
using enum OptionType;

constexpr auto kBrokerCommands = only(produce, train, evaluate, inspect);
constexpr auto kKafkaCommands = only(produce, train, evaluate, predict, inspect, replay, bench);
constexpr auto kReporters =
    only(produce, train, evaluate, predict, inspect, replay, export_model, import_model, bench, doctor);
constexpr auto kConsumers = only(train, evaluate);
constexpr auto kStreamers = only(train, evaluate, predict);
constexpr auto kReaders = only(train, evaluate, bench);
constexpr auto kReadersAndReplay = only(train, evaluate, replay, bench);  // what a journal does not tell
constexpr auto kDecoders = only(train, evaluate, predict, replay, bench);
constexpr CommandSet kNone{};

constexpr OptionRange kAny{};
constexpr OptionRange kUpToADay{.low = 1, .high = 86'400'000};
constexpr OptionRange at_least(double low) { return {.low = low}; }
constexpr OptionRange between(double low, double high) { return {.low = low, .high = high}; }
constexpr OptionRange above_up_to(double low, double high) {
  return {.low = low, .high = high, .open_low = true};
}
constexpr OptionRange inside(double low, double high) {
  return {.low = low, .high = high, .open_low = true, .open_high = true};
}

constexpr std::array kOptions = {
    // Kafka
    Option{"brokers", text, "HOST:PORT[,...]", kafka, kKafkaCommands, kBrokerCommands, "", kAny,
           "Brokers to ask for the rest of the cluster"},
    Option{"topic", text, "T", kafka, only(produce, inspect), only(produce, inspect), "", kAny, "The topic"},
    Option{"topic", list, "T[,T...]", kafka, kConsumers, kConsumers, "", kAny,
           "Topics to read, all partitions of each"},
    Option{"topic", list, "T[,T...]", kafka, only(predict), kNone, "", kAny,
           "Topics to read; processes of one --group share their partitions"},
    Option{"to", text, "T", kafka, only(predict), kNone, "", kAny,
           "The topic to write predictions to, which must exist"},
    Option{"topic", text, "T", kafka, only(bench), kNone, "", kAny,
           "The topic: ingest reads it; end-to-end and latency make one of this name and delete it"},
    Option{"partitions", integer, "N", kafka, only(produce), kNone, "", between(1, 100'000),
           "Create the topic with this many partitions if it is missing"},
    Option{"partitions", integer, "N", kafka, only(bench), kNone, "4", between(1, 100'000),
           "Partitions of the topic that end-to-end makes"},
    Option{"partitioner", choice,
           "consistent|random|consistent_random|murmur2|murmur2_random|fnv1a|fnv1a_random", kafka,
           only(produce), kNone, "murmur2_random", kAny,
           "How a key chooses its partition; the default does as Java clients do"},
    Option{"group", text, "G", kafka, only(train), kNone, "", kAny,
           "The consumer group whose offsets show the progress to lag tools; without it, one named after the "
           "state folder"},
    Option{"group", text, "G", kafka, only(predict), kNone, "", kAny,
           "The consumer group that shares the work, and whose offsets say what is predicted already"},
    Option{"instance", text, "NAME", kafka, only(predict), kNone, "", kAny,
           "A name that this process keeps when it is started again and that no other one of the group has: "
           "then it takes up its partitions at once after a crash, instead of after session.timeout.ms"},
    Option{
        "from", text, "WHERE", kafka, only(train), kNone, "resume", kAny,
        "Where partitions that the state does not know begin: resume, beginning, end, offset:N, "
        "offsets:T/P=N,..., time:MS, a time as in RFC 3339, or lag:N; known ones go on where they were, and "
        "those added to a known topic since begin at their beginning"},
    Option{"from", text, "WHERE", kafka, only(evaluate), kNone, "beginning", kAny,
           "Where to begin: beginning, end, offset:N, offsets:T/P=N,..., time:MS, a time as in RFC 3339, or "
           "lag:N"},
    Option{"from", choice, "beginning|end", kafka, only(predict), kNone, "beginning", kAny,
           "Where partitions begin for which the group has no offset"},
    Option{"rewind", flag, "", kafka, only(train), kNone, "", kAny,
           "Move known partitions to --from as well"},
    Option{
        "on-data-loss", choice, "stop|continue", kafka, only(train, evaluate, predict, replay), kNone, "stop",
        kAny,
        "Where records that come next are not in the log: stop, or count the loss and continue at the log's "
        "beginning"},
    Option{"discover-ms", milliseconds, "MS", kafka, kConsumers, kNone, "10000", between(0, 86'400'000),
           "How often to look for partitions that were added to the topics, which are then read from their "
           "beginning; 0: never"},
    Option{"commit-ms", milliseconds, "MS", kafka, only(predict), kNone, "20", between(1, 60'000),
           "How long a transaction takes in records before it is committed and its predictions can be read"},
    Option{"commit-records", integer, "N", kafka, only(predict), kNone, "10000", between(1, 1'000'000),
           "Records that end a transaction before its time"},
    Option{"stop", text, "WHEN", kafka, only(train, predict), kNone, "never", kAny,
           "When to stop: never, end (all that was in the topics at the start), idle:MS or records:N"},
    Option{"stop", text, "WHEN", kafka, only(evaluate), kNone, "end", kAny,
           "When to stop: never, end (all that was in the topics at the start), idle:MS or records:N"},
    Option{"kafka-timeout-ms", milliseconds, "MS", kafka, kKafkaCommands, kNone, "30000", kUpToADay,
           "How long to wait for a broker that does not answer at the start"},
    Option{"X", property, "KEY=VALUE", kafka, kKafkaCommands, kNone, "", kAny,
           "Any property of librdkafka, such as security.protocol=SASL_SSL; may be repeated"},

    // Rows
    Option{"file", text, "FILE", rows, only(produce), kNone, "-", kAny,
           "CSV rows after a header line; - is standard input"},
    Option{"columns", list, "A,B,...", rows, only(produce), kNone, "", kAny,
           "Features to send, in this order; without it, every column but the label's"},
    Option{"columns", list, "A,B,...", rows, only(train, bench), kNone, "", kAny,
           "Names of the fields of a value, in their order; without it, fields are numbered from 1"},
    Option{"columns", list, "A,B,...", rows, only(evaluate), kNone, "", kAny,
           "Names of the fields of a value, in their order; without it, as in training"},
    Option{
        "columns", list, "A,B,...", rows, only(predict), kNone, "", kAny,
        "Names of the fields of a value, in their order; without it, those of training without the label's"},
    Option{"features", list, "N|A,B,...", rows, only(train), only(train), "", kAny,
           "How many features a row has, or their names: among --columns, or as paths such as a.b and c[0] "
           "where "
           "values nest"},
    Option{"features", list, "N|A,B,...", rows, only(bench), kNone, "9", kAny, "How many features a row has"},
    Option{"label", text, "COLUMN", rows, only(produce), kNone, "", kAny, "The column that holds the label"},
    Option{
        "label", text, "key|value:NAME|header:NAME", rows, only(train, bench), kNone, "key", kAny,
        "Where a record holds its label, a number from 0 to 1: its key, a field of its value, or a header"},
    Option{"label", text, "key|value:NAME|header:NAME", rows, only(evaluate), kNone, "", kAny,
           "Where a record holds its label; without it, where it was in training"},
    Option{"label-as", choice, "key|column", rows, only(produce), kNone, "key", kAny,
           "Send the label as the record's key, or as the last column of its value"},
    Option{"label-map", list, "FROM=TO,...", rows, only(produce), kNone, "", kAny,
           "Labels to replace, such as 2=0,4=1; any other label is then an error"},
    Option{"format", choice, "csv|packed", rows, only(produce), kNone, "csv", kAny,
           "Send a row in each record as CSV text, or many as packed float32 (docs/formats.md)"},
    Option{"rows-per-record", integer, "N", rows, only(produce), kNone, "512", between(1, 1e6),
           "Rows in each packed record"},
    Option{"format", choice, "csv|json|avro|packed", rows, only(train, bench), kNone, "csv", kAny,
           "What the values of records are"},
    Option{"format", choice, "csv|json|avro|packed", rows, only(evaluate, predict), kNone, "", kAny,
           "What the values of records are; without it, what they were in training"},
    Option{
        "absent-fields", choice, "bad|missing", rows, only(train, bench), kNone, "bad", kAny,
        "What a record is that lacks a feature in a format that names its fields: bad, or one with a missing "
        "value"},
    Option{"absent-fields", choice, "bad|missing", rows, only(evaluate, predict), kNone, "", kAny,
           "What a record is that lacks a feature in a format that names its fields; without it, as in "
           "training"},
    Option{"avro-schema", text, "FILE", rows, kDecoders, kNone, "", kAny,
           "The schema of Avro records that name none; without it, each begins with the id of one in the "
           "registry"},
    Option{"schema-registry", list, "URL[,...]", rows, kDecoders, kNone, "", kAny,
           "Addresses of a Schema Registry, which knows the schemas of Avro records by id"},
    Option{
        "schema-registry-user", text, "USER", rows, kDecoders, kNone, "", kAny,
        "Who asks the registry, by basic authentication; the secret is in the file of the next option, or in "
        "the environment as MILLRACE_SCHEMA_REGISTRY_SECRET"},
    Option{"schema-registry-secret-file", text, "FILE", rows, kDecoders, kNone, "", kAny,
           "The file whose first line is the secret of that user"},
    Option{"schema-registry-ca", text, "FILE", rows, kDecoders, kNone, "", kAny,
           "Certificates of the authorities to trust behind https://; without it, those of the system"},
    Option{"schema-registry-timeout-ms", milliseconds, "MS", rows, kDecoders, kNone, "30000", kUpToADay,
           "How long to wait for a registry that does not answer, all attempts together"},
    Option{"separator", text, "C|tab", rows, only(train, bench), kNone, ",", kAny,
           "What stands between two fields of CSV: one character, or tab"},
    Option{"separator", text, "C|tab", rows, only(evaluate, predict), kNone, "", kAny,
           "What stands between two fields of CSV; without it, what did in training"},
    Option{"part", choice, "train|test", rows, only(produce), kNone, "", kAny,
           "Shuffle the rows, split them in two, and send this part, in shuffled order; needs --test-share"},
    Option{"test-share", number, "SHARE", rows, only(produce), kNone, "", inside(0, 1),
           "The share of the rows in the part test, rounded up to whole rows"},
    Option{"split-seed", integer, "S", rows, only(produce), kNone, "1", at_least(0),
           "Seed of the split: the same seed and rows give the same two parts"},
    Option{"repeat", integer, "N", rows, only(produce), kNone, "1", at_least(1),
           "Send all rows this many times"},
    Option{"rate", number, "N", rows, only(produce), kNone, "", above_up_to(0, 1e9),
           "Send at most this many rows per second"},
    Option{"rate", number, "N", rows, only(bench), kNone, "1000", above_up_to(0, 1e9),
           "Rows per second that latency sends"},
    Option{"errors-tolerance", choice, "none|all", rows, kStreamers, kNone, "none", kAny,
           "Which bad records may be there: none, or all, each counted and skipped"},
    Option{
        "dead-letter-topic", text, "T", rows, only(train), kNone, "", kAny,
        "Send each bad record, as it came, to this topic as well, which must exist; needs --errors-tolerance "
        "all"},
    Option{"max-bad-share", number, "SHARE", rows, only(train), kNone, "1", between(0, 1),
           "Stop when a larger share of the newest 10,000 records was bad; 1: never"},
    Option{"max-record-bytes", bytes, "N", rows, only(train, evaluate, predict, bench), kNone, "1MiB",
           between(1, 1e9), "Larger records are bad records"},

    // Windows
    Option{"window-rows", integer, "N", windows, only(train), kNone, "4096", between(1, 16'777'216),
           "Rows that close a window"},
    Option{"window-rows", integer, "N", windows, only(bench), kNone, "", between(1, 16'777'216),
           "Rows that close a window; without it 4096, and in the stage latency 32"},
    Option{"windows", integer, "N", windows, only(bench), kNone, "20", between(2, 100'000),
           "Windows to measure"},
    Option{"window-ms", milliseconds, "MS", windows, only(train, bench), kNone, "1000", kUpToADay,
           "Time that closes a window, even a short one"},
    Option{"memory-bytes", bytes, "N", windows, kReadersAndReplay, kNone, "256MiB", at_least(8'388'608),
           "Memory for all records and rows on their way, client queues included"},
    Option{"memory-bytes", bytes, "N", windows, only(predict), kNone, "64MiB", at_least(8'388'608),
           "Memory for records that were fetched and not yet predicted"},
    Option{"consumers", integer, "N", windows, kReaders, kNone, "0", between(0, 64),
           "Instances of librdkafka that share the partitions; 0: as many as the machine suggests"},
    Option{"threads", integer, "N", windows, kReadersAndReplay, kNone, "0", between(0, 1024),
           "Threads that decode; 0: as many as the machine suggests"},

    // Training
    Option{"engine", choice, "auto|cuda|cpu", training, only(train, bench), kNone, "auto", kAny,
           "What trains; auto takes the GPU if there is one"},
    Option{"engine", choice, "auto|cuda|cpu", training, only(predict), kNone, "cpu", kAny,
           "What computes predictions, whatever trained; auto takes the GPU if there is one"},
    Option{"math", choice, "fp32|tf32|bf16", training, only(train, bench), kNone, "fp32", kAny,
           "What matrix products multiply; sums, weights and moments are float32 in all. tf32 needs the CUDA "
           "engine, bf16 "
           "that or a processor with AVX-512 BF16"},
    Option{"device", integer, "N", training, only(train, predict, bench), kNone, "0", between(0, 1023),
           "The GPU that the CUDA engine takes, as CUDA numbers them; `millrace doctor` lists them"},
    Option{"tune", flag, "", training, only(train, bench), kNone, "", kAny,
           "Time the candidates for each matrix product before the first window of a new state, instead of "
           "taking the library's advice (CUDA)"},
    Option{"engine-threads", integer, "N", training, only(predict), kNone, "1", between(1, 1024),
           "Threads of the CPU engine"},
    Option{"engine-threads", integer, "N", training, kConsumers, kNone, "2", between(1, 1024),
           "Threads of the CPU engine; results are the same bits only for the same number"},
    Option{"engine-threads", integer, "N", training, only(bench), kNone, "", between(1, 1024),
           "Threads of the CPU engine; without it 2, and in the stage step 1 and then all of the machine"},
    Option{"layers", list, "N,N,...", training, only(train, bench), kNone, "128,256,128", between(1, 65'536),
           "Widths of the hidden layers"},
    Option{"epochs", integer, "E", training, only(train, bench), kNone, "3", between(1, 1'000'000),
           "Passes over each window"},
    Option{"batch", integer, "B", training, only(train), kNone, "32", between(1, 1'048'576),
           "Rows of one update"},
    Option{"batch", integer, "B", training, only(bench), kNone, "", between(1, 1'048'576),
           "Rows of one update; without it 32, and in the stage step 32, 256, 1024 and 8192"},
    Option{"learning-rate", number, "R", training, only(train), kNone, "0.001", above_up_to(0, 10),
           "Step size of Adam"},
    Option{"standardize", flag, "", training, only(train), kNone, "", kAny,
           "Scale each feature by its running mean and variance, which become part of the model"},
    Option{
        "max-skipped-steps", integer, "N", training, only(train), kNone, "100", at_least(1),
        "Updates in a row that may be dropped because their loss or gradient was not finite; then training "
        "has diverged"},
    Option{
        "on-divergence", choice, "stop|rollback", training, only(train), kNone, "stop", kAny,
        "What divergence does: stop, or take weights and moments of the last good checkpoint and go on with "
        "the records that come next"},
    Option{"seed", integer, "S", training, only(train), kNone, "1", at_least(0),
           "Seed of the first weights and of the shuffle"},

    // State
    Option{"state", text, "DIR", state, kConsumers, kConsumers, "", kAny,
           "The state folder: checkpoints of weights and positions"},
    Option{
        "state", text, "DIR", state, only(predict), only(predict), "", kAny,
        "The state folder whose newest checkpoint predicts; a trainer may be running there, and each of its "
        "checkpoints is taken up within a second"},
    Option{"state", text, "DIR", state, only(export_model), only(export_model), "", kAny,
           "The state folder, whose newest checkpoint is exported; a trainer may be running there"},
    Option{"to", text, "FILE.onnx|FILE.safetensors", state, only(export_model), only(export_model), "", kAny,
           "The file to write, or to replace; its ending chooses the format"},
    Option{"from", text, "FILE", state, only(import_model), only(import_model), "", kAny,
           "The model: a safetensors file of dense layers, as PyTorch saves them"},
    Option{"state", text, "DIR", state, only(import_model), only(import_model), "", kAny,
           "The state folder to begin, which holds no checkpoint yet"},
    Option{"checkpoint-ms", milliseconds, "MS", state, only(train), kNone, "10000", kUpToADay,
           "How often a checkpoint is written while training"},
    Option{"keep", integer, "K", state, only(train), kNone, "3", between(1, 1000), "Checkpoints to keep"},
    Option{"verify", flag, "", state, only(replay), kNone, "", kAny,
           "Train from the oldest checkpoint to the newest again and compare; nothing is written"},

    // Output and configuration
    Option{"auc-rows", integer, "N", output, kConsumers, kNone, "10000", between(2, 10'000'000),
           "Rows that the AUC looks back on"},
    Option{"report", text, "FILE", output, only(train), kNone, "", kAny,
           "Write a page with the learning curves at the end"},
    Option{"report", text, "FILE", output, only(demo), kNone, "millrace-demo.html", kAny,
           "The page with the learning curves"},
    Option{"rows", integer, "N", output, only(bench), kNone, "", between(1, 1e9),
           "Rows to measure with; without it, enough for steady figures"},
    Option{"rounds", integer, "N", output, only(bench), kNone, "5", between(1, 1000),
           "How often to measure, and the bound beside it each time; what counts is the median"},
    Option{"overlap", flag, "", output, only(bench), kNone, "", kAny, "The same as the stage overlap"},
    Option{"listen", text, "[HOST:]PORT", output, only(train), kNone, "", kAny,
           "Serve health, metrics and a live page over HTTP while training; without HOST only to this "
           "machine; port 0 takes a free one and says which"},
    Option{"listen", text, "[HOST:]PORT", output, only(predict), kNone, "", kAny,
           "Serve health and metrics over HTTP while predicting from topics; without HOST only to this "
           "machine; port "
           "0 takes a free one and says which"},
    Option{"tensorboard", text, "DIR", output, only(train), kNone, "", kAny,
           "Write scalars for TensorBoard into this folder, each run a file of its own"},
    Option{
        "stdin", flag, "", output, only(predict), kNone, "", kAny,
        "Read rows from standard input, one a line, and answer each with a line on standard output; without "
        "a broker"},
    Option{"output", choice, "json|csv", output, only(predict), kNone, "json", kAny,
           "What the predictions are written as"},
    Option{"json", flag, "", output, kReporters, kNone, "", kAny,
           "Print the result as one JSON object on standard output"},
    Option{"log-format", choice, "text|json", output, kStreamers, kNone, "text", kAny,
           "What standard error is written for: people, or programs, as one JSON object a line"},
    Option{"quiet", flag, "", output, only(produce, train, evaluate, predict, replay, bench, demo), kNone, "",
           kAny, "No progress on standard error"},
    Option{"config", text, "FILE", output, kKafkaCommands, kNone, "", kAny,
           "Read options from a TOML file as well"},
};

constexpr std::array kCommands = {
    CommandDescription{produce, "produce", "Sends the rows of a CSV file to a topic", "",
                       "millrace produce --brokers localhost:9092 --topic cancer-train --partitions 1 "
                       "--file data/breast-cancer-wisconsin.csv --label class --label-map 2=0,4=1",
                       false},
    CommandDescription{
        train, "train", "Trains a network on topics as they flow; the same command line starts and restarts",
        "", "millrace train --brokers localhost:9092 --topic cancer-train --features 9 --state cancer",
        false},
    CommandDescription{evaluate, "evaluate", "Scores a range of topics with a trained network", "",
                       "millrace evaluate --brokers localhost:9092 --topic cancer-test --state cancer",
                       false},
    CommandDescription{
        predict, "predict",
        "Answers each record of topics with a prediction in another topic, exactly once, or each line of "
        "standard input with one on standard output; follows a running trainer",
        "",
        "millrace predict --brokers localhost:9092 --topic cells --to cell-predictions --group cells --state "
        "cancer",
        false},
    CommandDescription{inspect, "inspect", "Says what is in a state folder, a checkpoint or a topic",
                       "DIR|FILE", "millrace inspect cancer", false},
    CommandDescription{replay, "replay",
                       "Trains the windows of a state's journal again: those after the newest checkpoint, or "
                       "all of them, to verify the checkpoints",
                       "DIR", "millrace replay cancer --brokers localhost:9092 --verify", false},
    CommandDescription{export_model, "export",
                       "Writes the network as a file for other programs: ONNX or safetensors", "",
                       "millrace export --state cancer --to cancer.onnx", false},
    CommandDescription{import_model, "import",
                       "Begins a state with a network that was trained elsewhere; `millrace train` goes on "
                       "with it",
                       "", "millrace import --from cancer.safetensors --state cancer-2", false},
    CommandDescription{
        bench, "bench",
        "Measures a stage of the program on this machine, beside the bound that it runs against: step "
        "(of the CPU engine), decode, ingest (of a topic), end-to-end (topic to weights), latency, "
        "overlap (of copies to the GPU with computing)",
        "step|decode|ingest|end-to-end|latency|overlap", "millrace bench step --batch 32", false},
    CommandDescription{demo, "demo", "Shows it all within a minute, with a broker of its own", "",
                       "millrace demo --report millrace-demo.html", false},
    CommandDescription{doctor, "doctor",
                       "Says what this machine has: the GPU and its libraries, Kafka's client, the CPU", "",
                       "millrace doctor", false},
    CommandDescription{completion, "completion",
                       "Prints the script with which a shell completes command lines of millrace",
                       "bash|zsh|fish", "millrace completion bash", false},
    CommandDescription{man_page, "man-page", "Prints the manual page millrace(1)", "", "millrace man-page",
                       true},
    CommandDescription{options_markdown, "options-markdown", "Prints docs/options.md", "",
                       "millrace options-markdown", true},
    CommandDescription{metrics_markdown, "metrics-markdown", "Prints docs/metrics.md", "",
                       "millrace metrics-markdown", true},
};

}  // namespace

std::span<const Option> option_table() { return kOptions; }
std::span<const CommandDescription> command_table() { return kCommands; }

const Option* find_option(std::string_view name, Command command) {
  const auto found = std::ranges::find_if(kOptions, [&](const Option& option) {
    return option.name == name && option.commands.contains(command);
  });
  return found == kOptions.end() ? nullptr : &*found;
}

const CommandDescription& describe(Command command) {
  return *std::ranges::find(kCommands, command, &CommandDescription::command);
}

std::string_view title_of(OptionGroup group) {
  switch (group) {
    case OptionGroup::kafka:
      return "Kafka";
    case OptionGroup::rows:
      return "Rows";
    case OptionGroup::windows:
      return "Windows";
    case OptionGroup::training:
      return "Training";
    case OptionGroup::state:
      return "State";
    case OptionGroup::output:
      return "Output and configuration";
  }
  throw std::logic_error("option group without a title");
}

std::string flag_of(const Option& option) {
  return (option.type == OptionType::property ? "-" : "--") + std::string(option.name);
}

std::string variable_of(const Option& option) {
  std::string variable = "MILLRACE_";
  for (const char letter : option.name) {
    variable += letter == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  }
  return variable;
}

std::string takers(const Option& option) {
  std::string names;
  for (const CommandDescription& command : command_table()) {
    if (!option.commands.contains(command.command)) continue;
    names += fmt::format("{}{}{}", names.empty() ? "" : ", ", command.name,
                         option.required.contains(command.command) ? "*" : "");
  }
  return names;
}

bool has_variable(const Option& option) { return option.type != OptionType::property; }

bool has_file_key(const Option& option) {
  return option.type != OptionType::property && option.name != "config";
}

}  // namespace millrace
