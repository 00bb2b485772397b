// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// handlers_on_signal_stack.hpp: of segmented stacks. A handler would run on the segment of whatever fiber is running,
// which has no room for its frame, let alone for what the kernel puts there. So every handler gets SA_ONSTACK, as Go gives
// it to those of C code: those installed when the first machine starts, here; later ones by sigaction and signal
// themselves, which the linker leads here. It is without effect in threads that have no signal stack.
#pragma once

namespace fiber::rt {

void put_handlers_on_signal_stack() noexcept;

} // namespace fiber::rt
