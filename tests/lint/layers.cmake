# SPDX-License-Identifier: BSL-1.0
# Copyright the libfiber authors.

# cmake -D root=… -P layers.cmake: checks that every #include obeys the layers, asm < runtime < sync < chan
# < samples, perf. Tests may include everything that they test. An include in <> is public. An include in ""
# is internal, and is a path from the root.

# The headers of this project that a folder may include, as regular expressions over "internal" and
# <public> names.
set(waist "runtime/(exit_action|park|spin_hint|wait_observer|wait_queue)\\.hpp|runtime/base/.*")
set(quoted_asm     "asm/.*")
set(quoted_runtime "asm/.*|runtime/.*")
set(quoted_sync    "sync/.*|${waist}")
set(quoted_chan    "chan/.*|${waist}")
set(quoted_perf    "perf/.*")
set(quoted_samples "nothing")
set(public_asm     nothing)
set(public_runtime runtime)
set(public_sync    runtime|sync)
set(public_chan    runtime|sync|chan)
set(public_perf    runtime|sync|chan)
set(public_samples runtime|sync|chan)

# Inside the runtime a header includes only headers of lower folders and of its own folder.
set(rank_base 0)
set(rank_stack 1)
set(rank_time 1)
set(rank_poll 1)
set(rank_sched 2)
set(rank_top 3) # park.hpp and other headers at the top of runtime/
set(rank_io 4)
set(rank_inspect 4)
set(rank_wait_queue.hpp 1) # the scheduler uses it, too

function(rank path result) # sets result to the rank and the folder of a file in runtime/
  string(REGEX REPLACE "^runtime/([^/]*).*" "\\1" part ${path})
  if(NOT DEFINED rank_${part})
    set(part top)
  endif()
  set(${result} ${rank_${part}} ${part} PARENT_SCOPE)
endfunction()

set(bad 0)
macro(refuse why)
  message("${file}: ${line}\n    ${why}")
  math(EXPR bad "${bad} + 1")
endmacro()

file(GLOB_RECURSE files RELATIVE ${root} ${root}/asm/*.[hcS]* ${root}/runtime/*.[hc]pp ${root}/sync/*.[hc]pp
     ${root}/chan/*.[hc]pp ${root}/perf/*.[hc]pp ${root}/samples/*.[hc]pp)
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
      elseif(file MATCHES "^runtime/.*\\.hpp$" AND target MATCHES "^runtime/")
        rank(${file} mine)
        rank(${target} its)
        list(GET mine 0 my_rank)
        list(GET its 0 its_rank)
        if(its_rank GREATER my_rank OR (its_rank EQUAL my_rank AND NOT mine STREQUAL its))
          refuse("within the runtime: base < stack, time, poll < sched < park < io, inspect")
        endif()
      endif()
    elseif(line MATCHES "<(fiber/(detail/)?[^>]+)>")
      file(GLOB home RELATIVE ${root} ${root}/*/include/${CMAKE_MATCH_1})
      string(REGEX REPLACE "/.*" "" home "${home}")
      if(NOT home MATCHES "^(${public_${module}})$")
        refuse("${module} may not include this: it belongs to '${home}'")
      elseif(CMAKE_MATCH_2 AND module MATCHES "perf|samples")
        refuse("headers in fiber/detail/ are not for users")
      endif()
    endif()
  endforeach()
endforeach()
if(bad)
  message(FATAL_ERROR "lint.layers: ${bad} includes violate the layers")
endif()
