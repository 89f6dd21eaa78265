# Libraries of the system (Debian 12's versions or newer); tools/setup installs them.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(RdKafka REQUIRED IMPORTED_TARGET rdkafka>=2.0.2)
pkg_check_modules(XxHash REQUIRED IMPORTED_TARGET libxxhash>=0.8.0)
find_package(dnnl 2.6 REQUIRED CONFIG)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(GTest REQUIRED)

# Header-only: a compile of theirs that fails names the package.
foreach(header CLI/CLI.hpp toml.hpp nlohmann/json.hpp fast_float/fast_float.h)
  find_file(found_header ${header} NO_CACHE)
  if(NOT found_header)
    message(FATAL_ERROR "The header ${header} is missing. Run tools/setup.")
  endif()
  unset(found_header)
endforeach()
