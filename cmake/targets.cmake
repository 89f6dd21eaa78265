# How targets of this project are made.

# A designated initializer names what it sets, and the rest has its default: no warning for that.
add_library(millrace_flags INTERFACE)
set(MILLRACE_WARNINGS -Wall -Wextra -Wconversion -Wshadow -Werror -Wno-missing-field-initializers)
# What nvcc makes of CUDA sources for the host compiler is not pedantic.
list(JOIN MILLRACE_WARNINGS "," warnings_through_nvcc)
target_compile_options(millrace_flags INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:${MILLRACE_WARNINGS};-Wpedantic>"
  "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings;-Xcompiler=${warnings_through_nvcc}>")
if(MILLRACE_SANITIZER STREQUAL "address")
  target_compile_options(millrace_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all
                                                  -fno-omit-frame-pointer)
  target_link_options(millrace_flags INTERFACE -fsanitize=address,undefined)
elseif(MILLRACE_SANITIZER STREQUAL "thread")
  target_compile_options(millrace_flags INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(millrace_flags INTERFACE -fsanitize=thread)
elseif(MILLRACE_SANITIZER STREQUAL "fuzzer")
  target_compile_options(millrace_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined
                                                  -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(millrace_flags INTERFACE -fsanitize=address,undefined)
elseif(NOT MILLRACE_SANITIZER STREQUAL "")
  message(FATAL_ERROR "MILLRACE_SANITIZER is `${MILLRACE_SANITIZER}`; it may be empty, address, thread or fuzzer.")
endif()

# What every executable needs besides its own sources.
set(MILLRACE_EXECUTABLE_SOURCES "")
if(MILLRACE_SANITIZER STREQUAL "thread")
  set(MILLRACE_EXECUTABLE_SOURCES ${PROJECT_SOURCE_DIR}/tests/support/thread_sanitizer_threads.cc)
endif()

# The contracts: public headers, free of everything else.
add_library(millrace_contracts INTERFACE)
target_include_directories(millrace_contracts INTERFACE ${PROJECT_SOURCE_DIR}/include)

# millrace_room(NAME SOURCES … USES …): one room of host/ as a static library `millrace_NAME`.
# Sources include each other as "room/file.h".
function(millrace_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;USES" ${ARGN})
  add_library(millrace_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(millrace_${name} PUBLIC ${PROJECT_SOURCE_DIR}/host)
  target_link_libraries(millrace_${name} PUBLIC millrace_contracts ${ROOM_USES} PRIVATE millrace_flags)
endfunction()

# millrace_test(NAME LABEL label SOURCES … USES … [TIMEOUT seconds]): a GoogleTest program, each test of it known
# to CTest under `label`. The fixture directory is tests/, the program under test is $<TARGET_FILE:millrace>.
function(millrace_test name)
  cmake_parse_arguments(TEST "" "LABEL;TIMEOUT" "SOURCES;USES" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 120)
  endif()
  add_executable(${name} ${TEST_SOURCES} ${MILLRACE_EXECUTABLE_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${TEST_USES} GTest::gmock_main millrace_flags)
  target_compile_definitions(${name} PRIVATE MILLRACE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
                       PROPERTIES LABELS ${TEST_LABEL} TIMEOUT ${TEST_TIMEOUT}
                       ENVIRONMENT "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp:ignore_noninstrumented_modules=1")
endfunction()
include(GoogleTest)
