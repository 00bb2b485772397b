// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/stack/slab.hpp"

#include "runtime/base/fatal.hpp"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <sys/mman.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

namespace fiber::rt {
namespace {

std::byte* reserve(std::size_t size) noexcept {
    void* const at =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? nullptr : static_cast<std::byte*>(at);
}

std::byte* round_up(std::byte* p, std::size_t unit) noexcept {
    auto const address = reinterpret_cast<std::uintptr_t>(p);
    return p + ((unit - address % unit) % unit);
}

// Half of what the process may have in map entries, at two a guard, so that the program itself keeps some.
long mprotect_budget() noexcept {
    long entries = 65530;
    if (std::FILE* const f = std::fopen("/proc/sys/vm/max_map_count", "re")) {
        if (std::fscanf(f, "%ld", &entries) != 1)
            entries = 65530;
        std::fclose(f);
    }
    return entries / 4;
}

bool protect_within_budget(std::byte* at, std::size_t size) noexcept {
    static std::atomic<long> budget{mprotect_budget()};
    // relaxed: a count that orders nothing
    if (budget.fetch_sub(1, std::memory_order_relaxed) > 0 && ::mprotect(at, size, PROT_NONE) == 0)
        return true;
    static std::atomic<bool> warned{false};
    if (!warned.exchange(true, std::memory_order_relaxed)) // relaxed: only who prints
        warn("no guard page below further fiber stacks: the kernel has no MADV_GUARD_INSTALL (Linux 6.13), "
             "and half of vm.max_map_count has gone into guards; raise it. Overflows are found late");
    return false;
}

} // namespace

slab reserve_slab(std::size_t wanted, std::size_t unit) noexcept {
    int const saved_errno = errno;
    for (std::size_t size = wanted; size >= unit; size = size / 2 / unit * unit) {
        // Aligning wastes up to one unit of address space, unless the kernel happens to give an aligned
        // range.
        std::byte* begin = reserve(size);
        if (begin != nullptr && round_up(begin, unit) != begin) {
            ::munmap(begin, size);
            begin = reserve(size + unit);
            if (begin != nullptr) {
                std::byte* const aligned = round_up(begin, unit);
                if (aligned != begin)
                    ::munmap(begin, static_cast<std::size_t>(aligned - begin));
                std::size_t const rest = unit - static_cast<std::size_t>(aligned - begin);
                if (rest != 0)
                    ::munmap(aligned + size, rest);
                begin = aligned;
            }
        }
        if (begin == nullptr)
            continue;
        // One huge page under the first touch of a stack would take 2 MiB. Refused (no THP in this kernel):
        // as well.
        ::madvise(begin, size, MADV_NOHUGEPAGE);
        errno = saved_errno;
        return {begin, begin + size};
    }
    errno = saved_errno;
    return {};
}

guard_kind install_guard(std::byte* at, std::size_t size) noexcept {
    static std::atomic<bool> refused{false};
    int const saved_errno = errno;
    bool guarded = false;
    if (!refused.load(std::memory_order_relaxed)) { // relaxed: found out again by whoever sees it late
        guarded = ::madvise(at, size, MADV_GUARD_INSTALL) == 0;
        if (!guarded)
            refused.store(true, std::memory_order_relaxed);
    }
    if (!guarded)
        guarded = protect_within_budget(at, size);
    errno = saved_errno;
    return guarded ? guard_kind::page : guard_kind::canary;
}

void release_pages(std::byte* begin, std::byte* end) noexcept {
    int const saved_errno = errno;
    ::madvise(begin, static_cast<std::size_t>(end - begin), MADV_DONTNEED);
    errno = saved_errno;
}

} // namespace fiber::rt
