// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// rseq.hpp: the other side of a restartable sequence of instructions (asm/rseq.hpp). Such a sequence looks at
// something and then commits one plain store; the kernel has the thread leave it if it is interrupted in between. So one may
// change what it looks at, and then see to it that nobody commits who has seen it as it was.
#pragma once

namespace fiber::rt {

// Allows sequences, if the kernel can do its part. Whenever it is called: before, they do nothing.
void choose_rseq() noexcept;

// Whoever was in a sequence when it was called has committed, which is visible now, or will not. Whoever enters one
// later sees what the caller had stored before. 9 µs while other threads of the process run, 0.3 µs else.
void rseq_barrier() noexcept;

// Whether one may bring about that rseq_barrier must be called once more: sequences are in use, and half of what restarts
// may cost is left.
[[nodiscard]] bool within_revocation_budget() noexcept;

} // namespace fiber::rt
