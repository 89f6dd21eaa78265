#include "schema_registry/registry_client.h"

#include <algorithm>
#include <condition_variable>
#include <fmt/format.h>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "decode/decode_stopped.h"
#include "schema_registry/registry_error.h"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;
using Kind = RegistryError::Kind;

constexpr unsigned kDeepestReferences = 32;
constexpr auto kFirstPause = 100ms;
constexpr std::chrono::milliseconds kLongestPause = 2s;
constexpr std::chrono::milliseconds kLongestRequest = 10s;

void require_good_address(std::string& url) {
  const auto refuse = [&](const std::string& shown, const char* reason) {
    throw OptionError(OptionError::Kind::invalid, "--schema-registry", shown, reason);
  };
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    refuse(url, "expected addresses that begin with http:// or https://");
  }
  const std::string host =
      url.substr(url.find("//") + 2, url.find('/', url.find("//") + 2) - url.find("//") - 2);
  if (host.find('@') != std::string::npos) {
    refuse(
        "",
        "an address holds no user and no secret; name the user by --schema-registry-user, and put the secret "
        "into a file for --schema-registry-secret-file or into MILLRACE_SCHEMA_REGISTRY_SECRET");
  }
  while (url.ends_with('/')) url.pop_back();
}

// What the registry gives as the reason; else what it answered.
std::string reason_in(const HttpReply& reply) {
  const Json json = Json::parse(reply.body, nullptr, false);
  std::string status = fmt::format("HTTP status {}", reply.status);
  if (!json.is_object() || !json.contains("message") || !json["message"].is_string()) return status;
  return fmt::format("{}: {}", status, json["message"].get<std::string>().substr(0, 200));
}

// Schema, subject or version not found, as the registry numbers it: not merely some page.
bool says_not_found(const HttpReply& reply) {
  if (reply.status != 404) return false;
  const Json json = Json::parse(reply.body, nullptr, false);
  if (!json.is_object() || !json.contains("error_code")) return false;
  const Json& code = json["error_code"];
  return code == 40401 || code == 40402 || code == 40403;
}

bool is_worth_another_attempt(const HttpReply& reply) {
  return reply.failure == HttpReply::Failure::unreachable || reply.status >= 500 || reply.status == 429 ||
         reply.status == 408;
}

// False: stopped before.
bool pause(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace

// A schema and what it refers to, each once.
struct RegistryClient::Collected {
  AvroSchemaText schema;
  std::set<std::string> met;
};

RegistryClient::RegistryClient(RegistrySettings settings, std::stop_token stop)
    : settings_(std::move(settings)), stop_(std::move(stop)) {
  for (std::string& url : settings_.urls) require_good_address(url);
}

std::optional<AvroSchemaText> RegistryClient::schema_of(std::uint32_t id) const {
  Collected collected;
  if (!collect(fmt::format("/schemas/ids/{}", id), collected, 0)) return std::nullopt;
  collected.schema.text = std::move(collected.schema.references.back());
  collected.schema.references.pop_back();
  return std::move(collected.schema);
}

// What a schema refers to comes before it.
bool RegistryClient::collect(const std::string& path, Collected& into, unsigned depth) const {
  if (depth > kDeepestReferences) return false;
  if (!into.met.insert(path).second) return true;
  const std::optional<std::string> body = get(path);
  if (!body) return false;
  const Json json = Json::parse(*body, nullptr, false);
  if (!json.is_object() || !json.contains("schema") || !json["schema"].is_string()) {
    throw RegistryError(Kind::other, settings_.urls.front(), "its answer to " + path + " holds no schema");
  }
  if (json.value("schemaType", Json("AVRO")) != "AVRO") return false;
  for (const Json& each : json.value("references", Json::array())) {
    const bool good = each.is_object() && each.contains("subject") && each["subject"].is_string() &&
                      each.contains("version") && each["version"].is_number_integer();
    if (!good)
      throw RegistryError(Kind::other, settings_.urls.front(), path + " refers to something unclear");
    const std::string referred =
        fmt::format("/subjects/{}/versions/{}", escaped_for_url(each["subject"].get<std::string>()),
                    each["version"].get<std::int64_t>());
    if (!collect(referred, into, depth + 1)) return false;
  }
  into.schema.references.push_back(json["schema"].get<std::string>());
  return true;
}

std::optional<std::string> RegistryClient::get(const std::string& path) const {
  const Clock::time_point deadline = Clock::now() + settings_.timeout;
  std::chrono::milliseconds wait = kFirstPause;
  HttpReply reply;
  for (std::size_t attempt = 0;; ++attempt) {
    const std::string& url = settings_.urls[attempt % settings_.urls.size()];
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    const auto patience = std::clamp(left / 2, 1ms, kLongestRequest);
    reply = http_get(url + path, settings_.access, patience, stop_);
    using Failure = HttpReply::Failure;
    if (reply.failure == Failure::stopped) throw DecodeStopped();
    if (reply.failure == Failure::tls) throw RegistryError(Kind::tls, url, reply.detail);
    if (reply.failure == Failure::none && reply.status == 200) return std::move(reply.body);
    if (reply.failure == Failure::none && says_not_found(reply)) return std::nullopt;
    const std::string detail = reply.failure == Failure::none ? reason_in(reply) : reply.detail;
    if (reply.status == 401 || reply.status == 403) throw RegistryError(Kind::authentication, url, detail);
    if (!is_worth_another_attempt(reply)) throw RegistryError(Kind::other, url, detail);
    if (Clock::now() + wait >= deadline) throw RegistryError(Kind::unreachable, url, detail);
    const bool all_asked = (attempt + 1) % settings_.urls.size() == 0;
    if (!all_asked) continue;
    if (!pause(wait, stop_)) throw DecodeStopped();
    wait = std::min(2 * wait, kLongestPause);
  }
}

}  // namespace millrace
