// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// huge_page.cpp: allocates aligned memory, and asks the kernel for a huge page.
#include "runtime/base/platform/huge_page.hpp"

#include <cerrno>
#include <cstdlib>
#include <sys/mman.h>

namespace fiber::rt {

void* allocate_huge_page(page_kind kind) noexcept {
    void* const memory = std::aligned_alloc(huge_page_size, huge_page_size);
    if (memory != nullptr && kind == page_kind::huge) {
        int const saved_errno = errno;
        ::madvise(memory, huge_page_size, MADV_HUGEPAGE); // if refused, small pages work too
        errno = saved_errno;
    }
    return memory;
}

void free_huge_page(void* memory) noexcept { std::free(memory); }

} // namespace fiber::rt
