// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// signal_stack_test.cpp: rt::signal_stack: the guard of a thread's signal stack.

#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/memory.hpp"

#include "runtime/stack/signal_stack.hpp"

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

namespace rt = fiber::rt;

namespace {

// Returns true if the kernel can read at this address.
bool is_readable(std::uintptr_t address) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0)
        return false;
    bool const readable = ::write(ends[1], reinterpret_cast<void const*>(address), 1) == 1;
    ::close(ends[0]);
    ::close(ends[1]);
    return readable;
}

bool kernel_has_guards() {
    void* const page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    constexpr int madv_guard_install = 102; // Linux 6.13
    bool const has = ::madvise(page, 4096, madv_guard_install) == 0;
    ::munmap(page, 4096);
    return has;
}

} // namespace

TEST_CASE("a thread's signal stack has a guard page without a map entry", "[signal_stack]") {
    tests::expect expect;
    std::thread([&] {
        stack_t none{}, before{}, mine{};
        none.ss_flags = SS_DISABLE; // Sanitizers install a signal stack in each thread.
        expect(::sigaltstack(&none, &before) == 0);
        {
            rt::signal_stack const here;
            expect(::sigaltstack(nullptr, &mine) == 0 && (mine.ss_flags & SS_DISABLE) == 0);
            auto const bottom = reinterpret_cast<std::uintptr_t>(mine.ss_sp);
            expect(bottom % static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE)) == 0);
            expect(is_readable(bottom));
            expect(!is_readable(bottom - 1));
            // With a map entry for each guard, the limit would allow half the number of machines.
            expect(tests::map_entries(static_cast<std::byte*>(mine.ss_sp) - 1, 2) == 1 ||
                   !kernel_has_guards());
        }
        ::sigaltstack(&before, nullptr);
    }).join();
}
