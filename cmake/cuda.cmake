# CUDA as a language, with the toolkit at MILLRACE_CUDA_TOOLKIT.
if(NOT EXISTS ${MILLRACE_CUDA_TOOLKIT}/bin/nvcc)
  message(FATAL_ERROR "No nvcc in MILLRACE_CUDA_TOOLKIT=`${MILLRACE_CUDA_TOOLKIT}`. Run tools/setup --for cuda.")
endif()
set(CUDAToolkit_ROOT ${MILLRACE_CUDA_TOOLKIT})
set(CMAKE_CUDA_COMPILER ${MILLRACE_CUDA_TOOLKIT}/bin/nvcc CACHE FILEPATH "nvcc of that toolkit")
# Every architecture since Ampere by name (90a and not 90: what only that one has), and PTX for those to come.
set(CMAKE_CUDA_ARCHITECTURES "80-real;86-real;89-real;90a-real;100-real;120-real;80-virtual" CACHE STRING
    "What kernels are compiled for")
# One binary starts everywhere: nothing of CUDA is linked dynamically.
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
enable_language(CUDA)
find_package(CUDAToolkit 13.0 REQUIRED)
# CMake 3.25.1 (Debian 12) does not know nvcc's flag for C++20.
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
endif()
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)

# "80 86 89 90a 100 120, PTX 80", for people.
set(MILLRACE_CUDA_ARCHITECTURES_TEXT "")
foreach(architecture ${CMAKE_CUDA_ARCHITECTURES})
  if(architecture MATCHES "^(.*)-real$")
    string(APPEND MILLRACE_CUDA_ARCHITECTURES_TEXT " ${CMAKE_MATCH_1}")
  elseif(architecture MATCHES "^(.*)-virtual$")
    string(APPEND MILLRACE_CUDA_ARCHITECTURES_TEXT ", PTX ${CMAKE_MATCH_1}")
  else()
    string(APPEND MILLRACE_CUDA_ARCHITECTURES_TEXT " ${architecture}, PTX ${architecture}")
  endif()
endforeach()
string(STRIP "${MILLRACE_CUDA_ARCHITECTURES_TEXT}" MILLRACE_CUDA_ARCHITECTURES_TEXT)
