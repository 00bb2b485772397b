// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// restartable.hpp: whether fiber_arch_unlock_alone (unlock_alone_x86_64.S) may do its work. Forbidden until allow_sequences
// has been called. Who asks for the kernel's part, which must be there before: runtime/base/restartable.cpp.
//   can_restart()         the C library has registered the threads with the kernel
//   allow_sequences()     to be called if so
//   forbid_sequences()    no new one does anything; those under way may
#pragma once

#include "asm/sanitizer.hpp"

#if defined(__x86_64__) && __has_include(<sys/rseq.h>) && !defined(FIBER_ASAN) && !defined(FIBER_TSAN)
#include "asm/restartable_rseq.hpp"
#else
#include "asm/restartable_none.hpp"
#endif
