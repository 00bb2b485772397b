# SPDX-License-Identifier: BSL-1.0
# Copyright the libfiber authors.

# fiber::segmented: the library of the same sources, compiled for stacks that grow by segments. Its users are
# compiled for them as well, and linked by gold or lld, which find the calls of code that is not. It is always static:
# for these linkers, a shared library is foreign code, and a fiber in it would park on a large segment.
# Sets fiber_has_segmented; prints the reason if that is OFF.
set(fiber_has_segmented OFF)
include(CheckCXXSourceCompiles)

if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$" OR NOT CMAKE_SIZEOF_VOID_P EQUAL 8)
  message(STATUS "fiber: fiber::segmented is left out: it is for x86-64 only")
  return()
elseif(FIBER_SANITIZE)
  message(STATUS "fiber: fiber::segmented is left out: sanitizers do not know its stacks")
  return()
endif()
foreach(linker gold lld)
  set(CMAKE_REQUIRED_FLAGS -fsplit-stack)
  set(CMAKE_REQUIRED_LINK_OPTIONS -fuse-ld=${linker})
  check_cxx_source_compiles("int main() {}" FIBER_LINKS_WITH_${linker})
  unset(CMAKE_REQUIRED_FLAGS)
  unset(CMAKE_REQUIRED_LINK_OPTIONS)
  if(FIBER_LINKS_WITH_${linker})
    set(fiber_has_segmented ON)
    set(fiber_segmented_linker ${linker})
    break()
  endif()
endforeach()
if(NOT fiber_has_segmented)
  message(STATUS "fiber: fiber::segmented is left out: it takes the linker gold or lld, and neither is here "
                 "(Debian, Ubuntu: apt-get install lld), or the compiler does not know -fsplit-stack")
  return()
endif()

get_target_property(fiber_sources fiber SOURCES)
list(FILTER fiber_sources EXCLUDE REGEX "/kind_reserved\\.cpp$")
add_library(fiber_segmented STATIC ${fiber_sources}
  asm/segmented/array_x86_64.S asm/segmented/growth_segmented.cpp asm/segmented/long_jump.cpp
  asm/segmented/morestack_x86_64.S asm/segmented/split_stack_x86_64.S
  runtime/stack/handlers_on_signal_stack.cpp runtime/stack/kind_segmented.cpp runtime/stack/segment.cpp)
add_library(fiber::segmented ALIAS fiber_segmented)
fiber_configure(fiber_segmented)
set_target_properties(fiber_segmented PROPERTIES EXPORT_NAME segmented INTERPROCEDURAL_OPTIMIZATION OFF)

file(STRINGS asm/segmented/leaf_calls.def fiber_leaf_calls REGEX "^LEAF_CALL")
list(TRANSFORM fiber_leaf_calls REPLACE "LEAF_CALL\\(([^)]*)\\).*" "--wrap=\\1\n")
foreach(function longjmp _longjmp siglongjmp __longjmp_chk sigaction signal)
  list(APPEND fiber_leaf_calls "--wrap=${function}\n")
endforeach()
list(JOIN fiber_leaf_calls "" fiber_leaf_calls)
set(fiber_linker_options ${CMAKE_CURRENT_BINARY_DIR}/fiber-segmented.linker-options)
file(CONFIGURE OUTPUT ${fiber_linker_options} CONTENT "${fiber_leaf_calls}")
target_compile_definitions(fiber_segmented PRIVATE FIBER_SEGMENTED)
target_compile_options(fiber_segmented PUBLIC $<$<COMPILE_LANGUAGE:C,CXX>:-fsplit-stack>)
target_link_options(fiber_segmented INTERFACE -fuse-ld=${fiber_segmented_linker}
  $<BUILD_INTERFACE:-Wl,@${fiber_linker_options}>
  $<INSTALL_INTERFACE:-Wl,@$<INSTALL_PREFIX>/${CMAKE_INSTALL_LIBDIR}/fiber-segmented.linker-options>)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS asm/segmented/leaf_calls.def)
set_property(SOURCE asm/segmented/morestack_x86_64.S APPEND PROPERTY OBJECT_DEPENDS
  ${PROJECT_SOURCE_DIR}/asm/segmented/leaf_calls.def ${PROJECT_SOURCE_DIR}/asm/segmented/morestack_x86_64.inc)
