# SPDX-License-Identifier: BSL-1.0
# Copyright the libfiber authors.

# cmake -D root=… -P layers.cmake: checks that every #include obeys the layers, asm < runtime < sync < chan
# < samples, perf, and the layers inside of a module. Headers, .cpp files and assembly obey the same rules. Tests may
# include everything that they test. An include in <> is public. An include in "" is internal, and is a path from the
# root. The test lint.layers_bind checks this file.

# What a module may include: internal headers, as a regular expression over their paths, and the modules of public ones.
set(waist "runtime/(exit_action|park|spin_hint|wait_observer)\\.hpp|runtime/(base|wait)/.*")
set(quoted_asm     "asm/.*")
set(quoted_runtime "asm/.*|runtime/.*")
set(quoted_sync    "sync/.*|${waist}")
set(quoted_chan    "chan/.*|${waist}")
set(quoted_perf    "perf/.*")
set(quoted_samples "samples/.*")
set(public_asm     nothing)
set(public_runtime runtime)
set(public_sync    runtime|sync)
set(public_chan    runtime|sync|chan)
set(public_perf    runtime|sync|chan)
set(public_samples runtime|sync|chan)

# Inside of a module, a file includes files of its own layer, and of layers with a lower rank. Each line: name, rank,
# and the layer's files, as a regular expression. The first line that matches a path decides.
set(layers
  "call           1 asm/call/.*"
  "rseq           1 asm/rseq/.*"
  "segmented      1 asm/segmented/.*"
  "switch         2 asm/switch/.*"
  "all            0 asm/.*"
  "public         0 runtime/include/.*"
  "base_process   1 runtime/base/process/.*"
  "base_platform  1 runtime/base/platform/.*"
  "base_atomics   2 runtime/base/atomics/.*"
  "base_lock      3 runtime/base/lock/.*"
  "base_thread    4 runtime/base/thread/.*"
  "base           1 runtime/base/.*"
  "wait           5 runtime/wait/.*"
  "stack          6 runtime/stack/.*"
  "time           6 runtime/time/.*"
  "local          6 runtime/(exit_action|local_table)\\..*"
  "sched          7 runtime/(sched/.*|(park|wait_observer)\\.[a-z]+)" # park.hpp is what the modules above see of sched
  "fault          8 runtime/fault/.*"
  "io             8 runtime/io/.*"
  "process        9 runtime/process/.*"
  "inspect       10 runtime/inspect/.*"
  "net           10 runtime/net/.*"
  "hook          12 runtime/hook/.*" # a library of its own
  "top           11 runtime/.*" # the out-of-line halves of public headers
  "core           0 chan/(biased_lock|channel[a-z_]*|select[a-z_]*)\\..pp" # untyped
  "core           0 chan/include/fiber/detail/(channel|element|lock_state|select_case)\\.hpp"
  "typed          1 chan/.*")

function(find_layer path name rank)
  foreach(layer ${layers})
    string(REGEX MATCH "^([a-z_]+) +([0-9]+) (.*)$" all ${layer})
    set(its_name ${CMAKE_MATCH_1})
    set(its_rank ${CMAKE_MATCH_2})
    if(path MATCHES "^(${CMAKE_MATCH_3})$")
      set(${name} ${its_name} PARENT_SCOPE)
      set(${rank} ${its_rank} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${name} one PARENT_SCOPE) # a module without layers
  set(${rank} 0 PARENT_SCOPE)
endfunction()

set(bad 0)
macro(refuse why)
  message("${file}: ${line}\n    ${why}")
  math(EXPR bad "${bad} + 1")
endmacro()
macro(check_layers target)
  if(target MATCHES "^${module}/")
    find_layer(${file} my_layer my_rank)
    find_layer(${target} its_layer its_rank)
    if(NOT my_layer STREQUAL its_layer AND NOT its_rank LESS my_rank)
      refuse("in ${module}, ${its_layer} is not below ${my_layer}")
    endif()
  endif()
endmacro()

set(globs "")
foreach(module asm runtime sync chan perf samples)
  foreach(extension hpp cpp S inc def)
    list(APPEND globs ${root}/${module}/*.${extension})
  endforeach()
endforeach()
file(GLOB_RECURSE files RELATIVE ${root} ${globs})
foreach(file ${files})
  string(REGEX REPLACE "/.*" "" module ${file})
  file(STRINGS ${root}/${file} lines REGEX "^[ \t]*#[ \t]*include")
  foreach(line ${lines})
    if(line MATCHES "\"([^\"]+)\"")
      set(target ${CMAKE_MATCH_1})
      if(NOT EXISTS ${root}/${target})
        refuse("an include in quotes must be a path from the root")
      elseif(file MATCHES "/include/fiber/")
        refuse("an installed header may include installed headers only")
      elseif(NOT target MATCHES "^(${quoted_${module}})$")
        refuse("${module} may not include this")
      else()
        check_layers(${target})
      endif()
    elseif(line MATCHES "<(fiber/(detail/)?[^>]+)>")
      set(detail "${CMAKE_MATCH_2}")
      file(GLOB target RELATIVE ${root} ${root}/*/include/${CMAKE_MATCH_1})
      string(REGEX REPLACE "/.*" "" home "${target}")
      if(NOT home MATCHES "^(${public_${module}})$")
        refuse("${module} may not include this: it belongs to '${home}'")
      elseif(detail AND module MATCHES "perf|samples")
        refuse("headers in fiber/detail/ are not for users")
      else()
        check_layers(${target})
      endif()
    endif()
  endforeach()
endforeach()
if(bad)
  message(FATAL_ERROR "lint.layers: ${bad} includes violate the layers")
endif()
