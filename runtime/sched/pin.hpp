// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// pin.hpp: pins a fiber to its OS thread, which then runs no other fiber (Go's LockOSThread).
//
// [pin] A pinned machine has a stand-in, which sleeps and is on no list. While the pinned fiber waits, the
//   stand-in has the pinned machine's processor.
//   A machine that takes the fiber out of a queue is the finder. It sends its own processor to the pinned
//   machine, and becomes the new stand-in. The exchange needs no new machine, since none may be available.
//   A lazy pin has no stand-in until its fiber first waits. If none is available then, the pinned machine
//   keeps its processor, and the finder keeps its own.
//
//     pinned machine                                  finder, with a processor and the fiber
//   1 gives its processor to the stand-in           1 sent_by = itself
//   2 sleeps until wake()                           2 wake(), once for each time that the fiber is runnable
//   3 takes sent_by's processor, runs the fiber     3 sleeps until wake()
//
//   Right may come before left.1: the fiber can be woken once it is off its stack. Therefore right touches
//   nothing that left.1 uses.
//
// [pin.discard] How a machine ends when its OS thread is discarded:
//   1 The machine gives its processor to the stand-in, as in left.1.
//   2 Its fiber goes to the global queue.
//   3 The machine switches to its scheduler context without a processor, and ends there.
//   1 comes while the fiber still runs. A runtime does not stop before its last fiber has ended, so the
//   stand-in has its processor, or is on the list of spares, before the runtime stops.
//   The machine then waits for another thread: machine_pool.hpp.
#pragma once

namespace fiber::rt {

class fiber;
struct machine;

// ── called by a fiber, on its own stack ──

// Pins the calling fiber to its machine, which then runs no other fiber. Throws std::system_error or
// std::bad_alloc if there can be no machine for the other fibers.
void pin(machine&);
// Pins the calling fiber, but gets a machine for the other fibers only when the fiber first waits.
void pin_lazily(machine&) noexcept;
// Ends one of the pins of the calling fiber; called outside. After the last pin, the fiber is
// unpinned. If the OS thread is to be discarded, the thread ends instead, and the fiber goes on
// in another one.
void end_pin(machine&) noexcept;

// ── called in the scheduler context ──

// Sleeps until the pinned fiber is runnable. Returns that fiber; m has a processor then.
[[nodiscard]] fiber* wait_for_pinned(machine& m) noexcept;
// Sends m's processor to the machine to which g is pinned, and sleeps until m has one again: right.1 to
// right.3 of [pin].
void send_to_pinned(machine& m, fiber& g) noexcept;

} // namespace fiber::rt
