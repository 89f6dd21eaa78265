// A real Kafka broker that trusts nobody: TLS with a certificate authority of its own, passwords (SASL/PLAIN)
// or client certificates, and access control lists that begin empty.
//
// It has three listeners: SASL over TLS, TLS with client certificates, and one for the test itself, which may
// do everything. One thread calls everything. Errors: std::runtime_error.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "support/kafka_node.h"
#include "support/temp_dir.h"

namespace millrace::support {

// A right as Kafka's own tools name it.
struct Right {
  std::string resource;   // topic, group, transactional-id
  std::string name;       // of the resource
  std::string operation;  // Read, Write, Create, Describe
};

class SecureBroker {
 public:
  static constexpr int kUsers = 32;

  explicit SecureBroker(const std::string& version);
  SecureBroker(const SecureBroker&) = delete;
  SecureBroker& operator=(const SecureBroker&) = delete;
  ~SecureBroker();

  [[nodiscard]] std::string sasl_brokers() const;         // SASL_SSL
  [[nodiscard]] std::string certificate_brokers() const;  // SSL, with a client certificate
  [[nodiscard]] std::string open_brokers() const;         // for the test alone

  // Users are numbered from 0.
  [[nodiscard]] static std::string user(int number);
  [[nodiscard]] static std::string password(int number);

  // PEM files: of the authority, of another one that signed nothing here, and of the client `CN=trainer`.
  [[nodiscard]] std::filesystem::path authority() const { return folder_ / "authority.crt"; }
  [[nodiscard]] std::filesystem::path other_authority() const { return folder_ / "other.crt"; }
  [[nodiscard]] std::filesystem::path client_certificate() const { return folder_ / "client.crt"; }
  [[nodiscard]] std::filesystem::path client_key() const { return folder_ / "client.key"; }
  static constexpr const char* kClientPrincipal = "CN=trainer";

  void create_topic(const std::string& name, int partitions);

  // Returns when the broker has taken it. Principals without `User:`.
  void grant(const std::vector<std::string>& principals, const Right& right);

 private:
  void make_certificates() const;

  TempDir folder_;
  int open_port_ = 0;
  int sasl_port_ = 0;
  int certificate_port_ = 0;
  std::unique_ptr<KafkaNode> node_;
};

}  // namespace millrace::support
