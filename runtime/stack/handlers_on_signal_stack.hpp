// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// handlers_on_signal_stack.hpp: makes signal handlers work on segmented stacks. A handler would run on the
// segment of the running fiber, which has no room for the handler's frame, nor for what the kernel puts
// there.
//   1 Each handler gets SA_ONSTACK, as Go gives it to handlers of C code.
//   2 A function of ours enters the handler. It suspends the segment's limit, which does not apply to the
//     signal stack.
// put_handlers_on_signal_stack() does so for the handlers that are installed when the first machine starts.
// sigaction and signal, which the linker redirects to this file, do so for later ones. The program sees
// its own handlers, also through sigaction.
// A shared library may have put its handler in front of a handler of the program, and call that. It
// reaches the handler that the program has installed last: the library knows the address of our
// function, which calls only that handler.
#pragma once

namespace fiber::rt {

void put_handlers_on_signal_stack() noexcept;

} // namespace fiber::rt
