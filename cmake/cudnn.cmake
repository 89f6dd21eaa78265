# `millrace_cudnn`: the products through cuDNN, or, where its headers are absent, what says so; MILLRACE_CUDNN_FOUND tells
# which. The headers are the library's and those of NVIDIA's C++ frontend for its graph API; the library itself is opened
# while running. To be included after `millrace_cuda_headers`. Who links it brings the CUDA runtime or the emulated
# device, the kernels, and open_cublaslt.
set(MILLRACE_CUDNN "${PROJECT_SOURCE_DIR}/.cache/cuda/cudnn" CACHE PATH
    "A folder with cuDNN's headers and its frontend's in include/; tools/setup-cuda lays one out")

set(places ${MILLRACE_CUDNN} ${MILLRACE_CUDA_TOOLKIT})
find_path(cudnn_headers cudnn_graph.h PATHS ${places} PATH_SUFFIXES include NO_CACHE)
find_path(frontend_headers cudnn_frontend.h PATHS ${places} PATH_SUFFIXES include NO_CACHE)
if(cudnn_headers AND frontend_headers)
  set(MILLRACE_CUDNN_FOUND TRUE CACHE INTERNAL "")
  set(MILLRACE_CUDNN_SOURCES gemm/cudnn_plan_name.cc gemm/cudnn_products.cc library/cudnn.cc library/open_cudnn.cc)
  message(STATUS "cuDNN: headers in ${cudnn_headers}")
else()
  set(MILLRACE_CUDNN_FOUND FALSE CACHE INTERNAL "")
  set(MILLRACE_CUDNN_SOURCES gemm/cudnn_absent.cc)
  message(STATUS "cuDNN: built without; no cudnn_graph.h and cudnn_frontend.h in MILLRACE_CUDNN=`${MILLRACE_CUDNN}`")
endif()
list(TRANSFORM MILLRACE_CUDNN_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/cuda/)

add_library(millrace_cudnn STATIC ${MILLRACE_CUDNN_SOURCES})
target_link_libraries(millrace_cudnn PUBLIC millrace_cuda_headers millrace_cuda_library millrace_cuda_owners
                                     PRIVATE fmt::fmt spdlog::spdlog millrace_flags)
if(MILLRACE_CUDNN_FOUND)
  target_include_directories(millrace_cudnn SYSTEM PUBLIC ${cudnn_headers} ${frontend_headers})
  # Without JSON and with few optimizations the frontend, all of it headers, takes half as long. It plans, it does not
  # compute.
  target_compile_definitions(millrace_cudnn PRIVATE NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING CUDNN_FRONTEND_SKIP_JSON_LIB)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/cuda/gemm/cudnn_products.cc PROPERTIES COMPILE_OPTIONS -O1)
endif()
