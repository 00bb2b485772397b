// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// rseq.hpp: enables and disables fiber_arch_unlock_biased (unlock_biased_x86_64.S). The sequence
// does nothing until enable_rseq() is called. runtime/base/atomics/rseq.cpp registers with the kernel
// first.
//   has_rseq()       returns true if the C library has registered the threads with the kernel
//   enable_rseq()    requires has_rseq()
//   disable_rseq()   sequences that begin later do nothing; sequences that are running may still commit
#pragma once

#include "asm/sanitizer.hpp"

#if defined(__x86_64__) && __has_include(<sys/rseq.h>) && !defined(FIBER_ASAN) && !defined(FIBER_TSAN)
#include "asm/rseq/rseq_glibc.hpp"
#else
#include "asm/rseq/rseq_none.hpp"
#endif
