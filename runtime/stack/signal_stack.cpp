// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/stack/signal_stack.hpp"

#include "runtime/stack/slab.hpp"

#include <csignal>
#include <sys/mman.h>
#include <unistd.h>

namespace fiber::rt {
namespace {

std::size_t kernel_page_size() noexcept { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

// Returns the size for what the kernel puts there, all vector registers included, and for the report,
// with an unwinder and dladdr. It is address space: pages are touched only when a signal comes.
std::size_t size_needed() noexcept {
    constexpr std::size_t report = 64 * 1024;
    long const least = ::sysconf(_SC_MINSIGSTKSZ);
    std::size_t const needed = report + static_cast<std::size_t>(least > 0 ? least : MINSIGSTKSZ),
                      page = kernel_page_size();
    return (needed + page - 1) / page * page;
}

} // namespace

signal_stack::signal_stack() noexcept {
    stack_t before{};
    if (::sigaltstack(nullptr, &before) != 0 || (before.ss_flags & SS_DISABLE) == 0)
        return;
    std::size_t const page = kernel_page_size(), size = page + size_needed();
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return;
    // Handlers of the program run here, too, so the stack has a guard. If possible it is not made by
    // mprotect, which would give this stack and its guard a map entry each. An OS thread's stack and its
    // guard have two already, so the kernel would allow only half the number of machines.
    memory_range const guard{static_cast<std::byte*>(memory), page};
    auto kind = guard_kind::page;
    install_guards({&guard, 1}, &kind); // if it fails, there is no guard
    stack_t mine{};
    mine.ss_sp = guard.begin + page;
    mine.ss_size = size - page;
    if (::sigaltstack(&mine, nullptr) != 0) {
        ::munmap(memory, size);
        return;
    }
    memory_ = memory;
    size_ = size;
}

signal_stack::~signal_stack() {
    if (memory_ == nullptr)
        return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
    ::munmap(memory_, size_);
}

} // namespace fiber::rt
