// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// rseq.hpp: whether fiber_arch_unlock_biased (unlock_biased_x86_64.S) may do its work. Forbidden until enable_rseq
// has been called. Who asks for the kernel's part, which must be there before: runtime/base/rseq.cpp.
//   has_rseq()         the C library has registered the threads with the kernel
//   enable_rseq()     to be called if so
//   disable_rseq()    no new one does anything; those under way may
#pragma once

#include "asm/sanitizer.hpp"

#if defined(__x86_64__) && __has_include(<sys/rseq.h>) && !defined(FIBER_ASAN) && !defined(FIBER_TSAN)
#include "asm/rseq_glibc.hpp"
#else
#include "asm/rseq_none.hpp"
#endif
