// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// handlers_on_signal_stack.hpp: of segmented stacks. A handler would run on the segment of whatever fiber is running,
// which has no room for its frame, let alone for what the kernel puts there. So every handler gets SA_ONSTACK, as Go gives
// it to those of C code, and is entered by a function of ours that puts the segment's limit aside, which says nothing
// about the stack that it stands on. That happens to those installed when the first machine starts, here; to later ones by
// sigaction and signal themselves, which the linker leads here. The program sees its own handlers, by sigaction, too.
//   A shared library that has put its handler in front of one of the program's, and calls that, gets to the one that the
//   program has installed last: the function of ours, which it has been told of, knows no other.
#pragma once

namespace fiber::rt {

void put_handlers_on_signal_stack() noexcept;

} // namespace fiber::rt
