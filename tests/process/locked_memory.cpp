// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// locked_memory: after mlockall(MCL_FUTURE) no large memory becomes resident. A separate program,
// because mlockall applies to the whole process.

// env: FIBER_PROCS=2
// env: MALLOC_ARENA_MAX=1
// skip: mlockall takes a privilege
// stdout: reserved: much
// stdout: resident: little
// stdout: locked: little
// stdout: guarded: yes
// stdout: given back: yes

#include "tests/support/memory.hpp"

#include "runtime/stack/stack_class.hpp"

#include <fiber/fiber.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <vector>

namespace {

using tests::kib;
using tests::mib;

std::size_t locked_memory() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (constexpr std::string_view key = "VmLck:"; line.starts_with(key))
            return std::stoul(line.substr(key.size())) * kib;
    return 0;
}

char const* little_or_much(std::size_t bytes) { return bytes < 64 * mib ? "little" : "much"; }

} // namespace

int main() {
    if (::mlockall(MCL_FUTURE) != 0) { // needs a privilege, or a limit that allows it
        std::fprintf(stderr, "skipped: mlockall: %s\n", std::strerror(errno));
        return 77;
    }
    auto const resident = tests::resident_memory(), locked = locked_memory();
    {
        fiber::runtime runtime({.processors = 2});
        bool guarded = true;
        runtime.run([&] {
            fiber::chan<void> end;
            fiber::wait_group there;
            std::vector<fiber::handle> parked;
            auto const park = [end, &there] {
                there.done();
                end.recv();
            };
            there.add(1'102);
            for (int i = 0; i < 1'000; ++i)
                parked.push_back(fiber::go(park));
            for (int i = 0; i < 100; ++i)
                parked.push_back(fiber::go({.stack_size = 8 * mib}, park));
            for (int i = 0; i < 2; ++i)
                parked.push_back(fiber::go({.stack_size = 1024 * mib}, park));
            there.wait();
            fiber::with_stack(512 * mib, [] {});
            std::printf("reserved: %s\n", little_or_much(runtime.stats().stack_bytes_reserved));
            std::printf("resident: %s\n", little_or_much(tests::resident_memory() - resident));
            std::printf("locked: %s\n", little_or_much(locked_memory() - locked));
            std::size_t one = 0;
            auto& c = fiber::rt::stack_class::of_size(128 * kib);
            c.reserve(1);
            fiber::rt::stack* const s = c.take(1, one);
            guarded = s->guard == fiber::rt::guard_kind::page;
            std::memset(s->bottom(), 1, s->usable());
            s->next = nullptr;
            c.give(s);
            c.unreserve(1);
            end.close();
            for (auto& p : parked)
                p.join();
        });
        std::printf("guarded: %s\n", guarded ? "yes" : "no");
        auto const before = tests::resident_memory();
        runtime.trim();
        std::printf("given back: %s\n", tests::resident_memory() + mib < before ? "yes" : "no");
    }
}
