# What `cmake --install` lays down, and the packages that `cpack` makes of it: `millrace` is the program.
include(GNUInstallDirs)

install(TARGETS millrace RUNTIME COMPONENT program)
install(FILES data/breast-cancer-wisconsin.csv DESTINATION ${CMAKE_INSTALL_DATADIR}/millrace COMPONENT program)
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright COMPONENT program)

set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_NAME millrace)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_CONTACT "The authors of millrace")
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 0)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME millrace)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
# Which packages the linked libraries come from, and which versions of them have the symbols in use.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Certificates of public authorities, for brokers behind TLS.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION
    "millrace reads records from Kafka, scores each row with the weights it has, then learns from it, and keeps
weights and positions together in one file.")
include(CPack)
