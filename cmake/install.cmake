# What `cmake --install` lays down, and the packages that `cpack` makes of it: `millrace`, the program, and
# `millrace-dev`, the contracts and engines for programs of one's own.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# --- the program
install(TARGETS millrace RUNTIME COMPONENT program)
install(FILES data/breast-cancer-wisconsin.csv DESTINATION ${CMAKE_INSTALL_DATADIR}/millrace COMPONENT program)
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright COMPONENT program)

# What the program itself prints for shells and man. Debian's zsh looks for packages' files in a place of their own.
set(printed ${CMAKE_CURRENT_BINARY_DIR}/printed)
install(CODE "
  file(MAKE_DIRECTORY ${printed})
  foreach(page \"man-page>millrace.1\" \"completion bash>millrace\" \"completion zsh>_millrace\" \"completion fish>millrace.fish\")
    string(REGEX MATCH \"(.*)>(.*)\" matched \${page})
    string(REPLACE \" \" \";\" arguments \${CMAKE_MATCH_1})
    execute_process(COMMAND \"$<TARGET_FILE:millrace>\" \${arguments}
                    OUTPUT_FILE ${printed}/\${CMAKE_MATCH_2} COMMAND_ERROR_IS_FATAL ANY)
  endforeach()" COMPONENT program)
set(zsh_place site-functions)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(zsh_place vendor-completions)
endif()
install(FILES ${printed}/millrace.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
install(FILES ${printed}/millrace DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT program)
install(FILES ${printed}/_millrace DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/${zsh_place} COMPONENT program)
install(FILES ${printed}/millrace.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT program)

# --- the library: one archive of the rooms that the public headers are implemented in
set(rooms model engine decode)
set(needs Threads::Threads)
set(MILLRACE_FIND_DEPENDENCIES "find_dependency(Threads)\n")
if(MILLRACE_CUDA)
  list(APPEND rooms cuda cuda_kernels cuda_library cuda_owners cudnn)
  list(APPEND needs CUDA::cudart_static fmt::fmt spdlog::spdlog ${CMAKE_DL_LIBS})
  string(APPEND MILLRACE_FIND_DEPENDENCIES
         "find_dependency(CUDAToolkit 13.0)\nfind_dependency(fmt)\nfind_dependency(spdlog)\n")
else()
  list(APPEND rooms cuda_absent)
endif()
list(TRANSFORM rooms REPLACE "(.+)" "$<TARGET_OBJECTS:millrace_\\1>" OUTPUT_VARIABLE objects)

add_library(millrace_library STATIC ${objects})
set_target_properties(millrace_library PROPERTIES OUTPUT_NAME millrace EXPORT_NAME millrace LINKER_LANGUAGE CXX)
target_compile_features(millrace_library INTERFACE cxx_std_20)
target_link_libraries(millrace_library PRIVATE ${needs})

set(place ${CMAKE_INSTALL_LIBDIR}/cmake/millrace)
install(DIRECTORY include/millrace DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
install(TARGETS millrace_library EXPORT millrace ARCHIVE COMPONENT library
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT millrace NAMESPACE millrace:: FILE millrace-targets.cmake DESTINATION ${place} COMPONENT library)
configure_package_config_file(cmake/millrace-config.cmake.in millrace-config.cmake INSTALL_DESTINATION ${place})
write_basic_package_version_file(millrace-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/millrace-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/millrace-config-version.cmake
        DESTINATION ${place} COMPONENT library)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DATADIR}/millrace COMPONENT library)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/millrace-dev RENAME copyright COMPONENT library)

# --- packages
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_NAME millrace)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_CONTACT "The authors of millrace")
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 0)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME millrace)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
# Which packages the linked libraries come from, and which versions of them have the symbols in use.
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
# Certificates of public authorities, for brokers behind TLS.
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION
    "millrace reads records from Kafka, scores each row with the weights it has, then learns from it, and keeps
weights and positions together in one file.")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME millrace-dev)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libdevel)
if(MILLRACE_CUDA)
  set(CPACK_DEBIAN_LIBRARY_PACKAGE_DEPENDS "libfmt-dev, libspdlog-dev")
endif()
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION
    "The engines of millrace and its contracts, for C++ programs that train without Kafka.")
include(CPack)
