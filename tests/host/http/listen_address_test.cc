#include "http/listen_address.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

std::string read(std::string_view text) {
  const std::optional<ListenAddress> address = parse_listen_address(text);
  return address ? address->text() : "refused";
}

TEST(ListenAddress, MeansThisMachineWhereOnlyAPortIsGiven) {
  EXPECT_EQ(read("9099"), "127.0.0.1:9099");
  EXPECT_EQ(read(":9099"), "127.0.0.1:9099");
  EXPECT_EQ(read("localhost:0"), "127.0.0.1:0");
}

TEST(ListenAddress, TakesOtherAddressesWhereTheyAreGiven) {
  EXPECT_EQ(read("0.0.0.0:80"), "0.0.0.0:80");
  EXPECT_EQ(read("[::]:80"), "[::]:80");
  EXPECT_FALSE(parse_listen_address("0.0.0.0:80")->is_loopback());
  EXPECT_FALSE(parse_listen_address("[::]:80")->is_loopback());
  EXPECT_TRUE(parse_listen_address("127.1.2.3:80")->is_loopback());
  EXPECT_TRUE(parse_listen_address("[::1]:80")->is_loopback());
}

TEST(ListenAddress, RefusesWhatIsNeither) {
  for (const char* text : {"", ":", "nine", "65536", "-1", "1.2.3:80", "example.com:80", "::1:80", "[::1]",
                           "[1.2.3.4]:80", "127.0.0.1:", "127.0.0.1:80,90", "80r"}) {
    EXPECT_EQ(read(text), "refused") << text;
  }
}

}  // namespace
}  // namespace millrace
