#include "schema_registry/http_client.h"

#include <array>
#include <curl/curl.h>
#include <memory>
#include <mutex>
#include <new>

namespace millrace {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLargestBody = std::size_t{16} << 20;
constexpr auto kLookForStop = 50ms;

void begin_curl() {
  static std::once_flag begun;
  std::call_once(begun, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

struct EasyCleanup {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiCleanup {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct ListCleanup {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyCleanup>;
using Multi = std::unique_ptr<CURLM, MultiCleanup>;
using Headers = std::unique_ptr<curl_slist, ListCleanup>;

std::size_t append_body(char* bytes, std::size_t size, std::size_t count, void* body) {
  auto& text = *static_cast<std::string*>(body);
  if (text.size() + size * count > kLargestBody) return 0;  // fails the transfer
  text.append(bytes, size * count);
  return size * count;
}

bool is_of_tls(CURLcode code) {
  switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
      return true;
    default:
      return false;
  }
}

// A transfer in a multi handle, which can be waited for in short pieces; taken out again whatever happens.
class Transfer {
 public:
  Transfer(CURLM* multi, CURL* easy) : multi_(multi), easy_(easy) { curl_multi_add_handle(multi_, easy_); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() { curl_multi_remove_handle(multi_, easy_); }

  // False: it was stopped before.
  bool finish(const std::stop_token& stop, CURLcode& result) {
    for (int running = 1; running > 0;) {
      if (stop.stop_requested()) return false;
      if (curl_multi_perform(multi_, &running) != CURLM_OK) break;
      if (running > 0) curl_multi_poll(multi_, nullptr, 0, static_cast<int>(kLookForStop.count()), nullptr);
    }
    int left = 0;
    const CURLMsg* const message = curl_multi_info_read(multi_, &left);
    result = message != nullptr && message->msg == CURLMSG_DONE ? message->data.result : CURLE_FAILED_INIT;
    return true;
  }

 private:
  CURLM* multi_;
  CURL* easy_;
};

}  // namespace

HttpReply http_get(const std::string& url, const HttpAccess& access, std::chrono::milliseconds at_most,
                   const std::stop_token& stop) {
  begin_curl();
  const Multi multi(curl_multi_init());
  const Easy easy(curl_easy_init());
  if (!multi || !easy) throw std::bad_alloc();
  HttpReply reply;
  std::array<char, CURL_ERROR_SIZE> detail{};
  const Headers headers(
      curl_slist_append(nullptr, "Accept: application/vnd.schemaregistry.v1+json, application/json"));
  CURL* const handle = easy.get();
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(at_most.count()));
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, detail.data());
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, append_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &reply.body);
  if (!access.user.empty()) {
    curl_easy_setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(handle, CURLOPT_USERNAME, access.user.c_str());
    curl_easy_setopt(handle, CURLOPT_PASSWORD, access.secret.c_str());
  }
  if (!access.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, access.ca_file.c_str());

  CURLcode result = CURLE_OK;
  if (!Transfer(multi.get(), handle).finish(stop, result)) {
    reply.failure = HttpReply::Failure::stopped;
  } else if (result != CURLE_OK) {
    reply.failure = is_of_tls(result) ? HttpReply::Failure::tls : HttpReply::Failure::unreachable;
    reply.detail = detail.front() != '\0' ? detail.data() : curl_easy_strerror(result);
  } else {
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &reply.status);
  }
  return reply;
}

std::string escaped_for_url(const std::string& text) {
  begin_curl();
  const std::unique_ptr<char, void (*)(void*)> escaped(
      curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size())), curl_free);
  if (!escaped) throw std::bad_alloc();
  return escaped.get();
}

}  // namespace millrace
