// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// rseq.hpp: the barrier that restarts restartable sequences (asm/rseq/rseq.hpp). Such a sequence reads a
// condition and then commits with one plain store. If the kernel interrupts a thread between the
// two, the thread leaves the sequence. A thread can therefore change the condition and then call
// rseq_barrier(): after it, no sequence commits that has read the old condition.
#pragma once

namespace fiber::rt {

// Enables sequences if the kernel and the C library support them. May be called at any time: before
// the first call, sequences do nothing.
void choose_rseq() noexcept;

// Restarts every sequence that is running. A sequence that was running when the call began has
// committed, and its store is visible on return; or it never commits. A sequence that begins later
// sees everything that the caller stored before the call. Costs microseconds while other threads of
// the process run.
void rseq_barrier() noexcept;

// Returns true if the caller may do what makes another rseq_barrier() necessary, such as rebiasing a mutex:
// sequences are enabled, and at most half of the budget for barriers is spent.
[[nodiscard]] bool within_revocation_budget() noexcept;

} // namespace fiber::rt
