#include "support/secure_broker.h"

#include <chrono>
#include <fstream>
#include <gtest/gtest.h>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/cluster_client.h"
#include "support/process.h"

namespace millrace::support {
namespace {

using std::chrono::seconds;

constexpr seconds kToolLimit{60};

std::string at(int port) { return "127.0.0.1:" + std::to_string(port); }

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// As a properties file takes more than one line.
std::string on_one_line(const std::string& text) {
  std::string line;
  for (const char letter : text) line += letter == '\n' ? std::string("\\n") : std::string(1, letter);
  return line;
}

}  // namespace

SecureBroker::SecureBroker(const std::string& version)
    : folder_("millrace-secure-kafka-" + version),
      open_port_(free_port()),
      sasl_port_(free_port()),
      certificate_port_(free_port()) {
  make_certificates();
  const int controller_port = free_port();
  std::ostringstream more;
  const std::string listeners = "PLAINTEXT://" + at(open_port_) + ",PASSWORD://" + at(sasl_port_) +
                                ",CERTIFICATE://" + at(certificate_port_);
  more << "listeners=" << listeners << ",CONTROLLER://" << at(controller_port)
       << "\nadvertised.listeners=" << listeners
       << "\nlistener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PASSWORD:SASL_SSL,"
          "CERTIFICATE:SSL\n"
          "ssl.keystore.type=PEM\nssl.truststore.type=PEM\n"
          "listener.name.certificate.ssl.client.auth=required\n"
          "sasl.enabled.mechanisms=PLAIN\n"
          "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
          "super.users=User:ANONYMOUS\n"
          "allow.everyone.if.no.acl.found=false\n";
  more << "ssl.keystore.certificate.chain=" << on_one_line(text_of(folder_ / "broker.crt"))
       << "\nssl.keystore.key=" << on_one_line(text_of(folder_ / "broker.key"))
       << "\nssl.truststore.certificates=" << on_one_line(text_of(authority())) << "\n";
  more << "listener.name.password.plain.sasl.jaas.config="
          "org.apache.kafka.common.security.plain.PlainLoginModule required";
  for (int number = 0; number < kUsers; ++number) {
    more << " user_" << user(number) << "=\"" << password(number) << "\"";
  }
  more << ";\n";
  node_ = std::make_unique<KafkaNode>(
      KafkaNode::Settings{.version = version,
                          .folder = folder_.path(),
                          .port = open_port_,
                          .controller_port = controller_port,
                          .voters = "1@127.0.0.1:" + std::to_string(controller_port),
                          .more = more.str()});
  node_->start();
  try {
    node_->await_start();
  } catch (const std::runtime_error&) {
    folder_.keep();
    throw;
  }
}

SecureBroker::~SecureBroker() {
  node_.reset();
  if (testing::UnitTest::GetInstance()->Failed()) {
    folder_.keep();
    std::cerr << "The logs of the secure Kafka are in " << folder_.path().string() << std::endl;
  }
}

std::string SecureBroker::sasl_brokers() const { return at(sasl_port_); }
std::string SecureBroker::certificate_brokers() const { return at(certificate_port_); }
std::string SecureBroker::open_brokers() const { return at(open_port_); }

std::string SecureBroker::user(int number) { return "user" + std::to_string(number); }
std::string SecureBroker::password(int number) { return "secret-of-" + user(number); }

void SecureBroker::make_certificates() const {
  const std::string script = R"(
authority() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.crt"
}
signed() {
  openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" -addext "subjectAltName=IP:127.0.0.1" -keyout "$1.key" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA authority.crt -CAkey authority.key -CAcreateserial -days 2 -copy_extensions copy -out "$1.crt"
}
authority authority
authority other
signed broker localhost
signed client trainer
)";
  const ProcessResult made = run_process(
      {.arguments = {"bash", "-euo", "pipefail", "-c", script}, .working_directory = folder_.path().string()},
      kToolLimit);
  if (made.exit_code != 0) throw std::runtime_error("certificates: " + made.describe());
}

void SecureBroker::create_topic(const std::string& name, int partitions) {
  ClusterClient(open_brokers()).create_topic(name, partitions, 1, {});
}

void SecureBroker::grant(const std::vector<std::string>& principals, const Right& right) {
  std::vector<std::string> line = node_->java("org.apache.kafka.tools.AclCommand", "tools.log");
  line.insert(line.end(), {"--bootstrap-server", open_brokers(), "--add", "--operation", right.operation,
                           "--" + right.resource, right.name});
  for (const std::string& principal : principals) {
    line.insert(line.end(), {"--allow-principal", "User:" + principal});
  }
  const ProcessResult result = run_process({.arguments = line}, kToolLimit);
  if (result.exit_code != 0) throw std::runtime_error("granting a right: " + result.describe());
}

}  // namespace millrace::support
