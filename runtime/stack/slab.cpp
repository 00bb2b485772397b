// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// slab.cpp: the system calls for address space, guards and pages.
#include "runtime/stack/slab.hpp"

#include "runtime/base/process/fatal.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// The C library's headers may be older than these.
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef PIDFD_SELF_THREAD_GROUP
#define PIDFD_SELF_THREAD_GROUP (-10001)
#endif

namespace fiber::rt {
namespace {

std::byte* reserve(std::size_t size) noexcept {
    void* const at = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? nullptr : static_cast<std::byte*>(at);
}

// Rounds up to the next address that is a multiple of `unit`, plus `phase`.
std::byte* round_up(std::byte* p, std::size_t unit, std::size_t phase) noexcept {
    auto const beyond = (reinterpret_cast<std::uintptr_t>(p) - phase) % unit;
    return p + (unit - beyond) % unit;
}

// Makes the range readable and writable. After mlockall(MCL_FUTURE), each new map is locked, and
// the kernel makes all its accessible memory resident, at mmap or at mprotect. The range is
// therefore unlocked before it is accessible. It stays unlocked, because in locked memory the
// kernel neither installs guards nor takes pages back. Returns false if the kernel refuses, as it
// may if it does not overcommit.
bool make_usable(std::byte* begin, std::size_t size) noexcept {
    ::munlock(begin, size);
    if (::mprotect(begin, size, PROT_READ | PROT_WRITE) != 0)
        return false;
    // No huge pages. For a stack larger than a page, the first touch would use 2 MiB. Stacks that
    // share pages would fill a huge page. But the kernel of a virtual machine may have to search
    // for such memory, which can take many times longer than small pages. If the kernel refuses (no
    // THP), there are no huge pages either.
    ::madvise(begin, size, MADV_NOHUGEPAGE);
    return true;
}

// Returns how many guards mprotect may make. Each costs two map entries. Half of the process's map
// entries stay free for the program.
long mprotect_budget() noexcept {
    long entries = 65530;
    if (std::FILE* const f = std::fopen("/proc/sys/vm/max_map_count", "re")) {
        if (std::fscanf(f, "%ld", &entries) != 1)
            entries = 65530;
        std::fclose(f);
    }
    return entries / 4;
}

std::atomic<guard_support> best_guards{
    guard_support::madvise}; // relaxed: a thread that reads an old value detects the support again

// How many guards mprotect may still make. Not a static local, which a fork could leave locked in
// the child.
constexpr long budget_unknown = std::numeric_limits<long>::max();
constinit std::atomic<long> guards_left{budget_unknown};

guard_kind protect_within_budget(memory_range at) noexcept {
    // relaxed: a count that orders nothing. Several threads may compute the initial value; the
    // first one stores it
    if (long unknown = budget_unknown; guards_left.load(std::memory_order_relaxed) == unknown)
        guards_left.compare_exchange_strong(unknown, mprotect_budget(), std::memory_order_relaxed);
    if (best_guards.load(std::memory_order_relaxed) != guard_support::none &&
        guards_left.fetch_sub(1, std::memory_order_relaxed) > 0 &&
        ::mprotect(at.begin, at.size, PROT_NONE) == 0)
        return guard_kind::page;
    static std::atomic<bool> warned{false};
    if (!warned.exchange(true, std::memory_order_relaxed)) // relaxed: decides only which thread prints
        warn("no guard page below further fiber stacks: the kernel has no MADV_GUARD_INSTALL (Linux 6.13), "
             "and half of vm.max_map_count has gone into guards; raise it. Overflows are found late");
    return guard_kind::canary;
}

std::size_t kernel_page_size() noexcept {
#if defined(__x86_64__)
    return page_size;
#else
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
#endif
}

// Gives the advice for the ranges, from the first on. Returns the number of ranges done. If that is
// not all of them, errno says why.
std::size_t advise(std::span<memory_range const> ranges, int advice) noexcept {
    static std::atomic<bool> all_at_once{true}; // relaxed: a thread that reads an old value tries it again
    std::size_t done = 0;
    if (ranges.size() > 1 && all_at_once.load(std::memory_order_relaxed)) {
        static_assert(sizeof(memory_range) == sizeof(iovec) &&
                      offsetof(memory_range, begin) == offsetof(iovec, iov_base) &&
                      offsetof(memory_range, size) == offsetof(iovec, iov_len));
        // Not a pidfd of this process: in the child of a fork, it would still name the parent.
        long const bytes =
            ::syscall(SYS_process_madvise, PIDFD_SELF_THREAD_GROUP, ranges.data(), ranges.size(), advice, 0);
        if (bytes < 0 && errno != ENOMEM)
            all_at_once.store(false, std::memory_order_relaxed);
        for (long rest = bytes; done < ranges.size() && rest >= static_cast<long>(ranges[done].size); ++done)
            rest -= static_cast<long>(ranges[done].size);
    }
    while (done < ranges.size() && ::madvise(ranges[done].begin, ranges[done].size, advice) == 0)
        ++done;
    return done;
}

// Gives the advice for the ranges, rounded to the kernel's pages. The kernel would refuse a range
// that is not aligned, or apply the advice beyond its end.
void advise_pages(std::span<memory_range const> ranges, int advice,
                  memory_range (*rounded)(memory_range, std::size_t page) noexcept) noexcept {
    std::size_t const page = kernel_page_size();
    if (page == page_size) {
        static_cast<void>(advise(ranges, advice));
        return;
    }
    for (memory_range const& each : ranges)
        if (memory_range const pages = rounded(each, page); pages.size != 0)
            static_cast<void>(advise({&pages, 1}, advice));
}

class keep_errno {
public:
    keep_errno() noexcept = default;
    ~keep_errno() { errno = saved_; }
    keep_errno(keep_errno const&) = delete;
    keep_errno& operator=(keep_errno const&) = delete;

private:
    int const saved_ = errno;
};

} // namespace

slab reserve_slab(std::size_t wanted, std::size_t unit, std::size_t phase) noexcept {
    keep_errno const keep;
    for (std::size_t size = wanted; size >= unit; size = size / 2 / unit * unit) {
        // Aligning wastes up to one unit of address space, unless the kernel returns an aligned
        // range.
        std::byte* begin = reserve(size);
        if (begin != nullptr && round_up(begin, unit, phase) != begin) {
            ::munmap(begin, size);
            begin = reserve(size + unit);
            if (begin != nullptr) {
                std::byte* const aligned = round_up(begin, unit, phase);
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
        if (make_usable(begin, size))
            return {begin, begin + size};
        ::munmap(begin, size);
    }
    return {};
}

bool release_address_space(memory_range range) noexcept {
    keep_errno const keep;
    return ::munmap(range.begin, range.size) == 0;
}

void install_guards(std::span<memory_range const> at, guard_kind* kinds) noexcept {
    keep_errno const keep;
    std::size_t done = 0;
    if (best_guards.load(std::memory_order_relaxed) == guard_support::madvise) {
        done = advise(at, MADV_GUARD_INSTALL);
        if (done < at.size() && errno == EINVAL)
            limit_guards(guard_support::mprotect);
    }
    std::fill_n(kinds, done, guard_kind::page);
    std::transform(at.begin() + static_cast<std::ptrdiff_t>(done), at.end(), kinds + done,
                   protect_within_budget);
}

memory_range pages_around(memory_range range, std::size_t page) noexcept {
    std::size_t const before = reinterpret_cast<std::uintptr_t>(range.begin) % page;
    return {range.begin - before, (before + range.size + page - 1) / page * page};
}

memory_range pages_within(memory_range range, std::size_t page) noexcept {
    std::size_t const rest = reinterpret_cast<std::uintptr_t>(range.begin) % page;
    std::size_t const before = rest != 0 ? page - rest : 0;
    if (range.size < before)
        return {range.begin, 0};
    return {range.begin + before, (range.size - before) / page * page};
}

void limit_guards(guard_support best) noexcept { best_guards.store(best, std::memory_order_relaxed); }

void populate_pages(std::span<memory_range const> ranges) noexcept {
    keep_errno const keep;
    advise_pages(ranges, MADV_POPULATE_WRITE, pages_around);
}

void release_pages(std::span<memory_range const> ranges) noexcept {
    keep_errno const keep;
    advise_pages(ranges, MADV_DONTNEED, pages_within);
}

touched_memory touched_in(memory_range range) noexcept {
    keep_errno const keep;
    touched_memory seen;
    std::size_t const page = kernel_page_size();
    std::array<unsigned char, 128> pages; // the pages of one step
    for (std::byte* end = range.begin + range.size; end != range.begin;) {
        std::size_t const size = std::min(static_cast<std::size_t>(end - range.begin), pages.size() * page);
        end -= size;
        auto const last = pages.begin() + static_cast<std::ptrdiff_t>(size / page);
        if (::mincore(end, size, pages.data()) != 0)
            break;
        auto const is_resident = [](unsigned char flags) { return (flags & 1) != 0; };
        auto const lowest = std::find_if(pages.begin(), last, is_resident);
        if (lowest == last)
            break;
        seen.resident += static_cast<std::size_t>(std::count_if(lowest, last, is_resident)) * page;
        auto const below = static_cast<std::size_t>(lowest - pages.begin()) * page;
        seen.depth = static_cast<std::size_t>(range.begin + range.size - end) - below;
    }
    return seen;
}

} // namespace fiber::rt
