# cmake --install: the two programs, the guides, and what a deployment begins with. Nothing else is built for it:
#   cmake --build build/release --target sagad sagactl && cmake --install build/release --prefix /usr/local
include(GNUInstallDirs)
install(TARGETS sagad sagactl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# As in the source tree, so that links lead on.
install(FILES README.md ARCHITECTURE.md CONTRIBUTING.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs examples packaging DESTINATION ${CMAKE_INSTALL_DOCDIR} PATTERN CMakeLists.txt EXCLUDE)
install(FILES packaging/sagad.service DESTINATION lib/systemd/system)
