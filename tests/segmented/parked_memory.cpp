// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A hundred thousand fibers run ordinary code and then wait in chan::recv on their first segments.
// Measures the memory of each fiber, page tables included. Prints "enough room", or the number of
// bytes.

#include <fiber/fiber.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <sched.h>
#include <string>
#include <vector>

namespace {

constexpr long tasks = 100'000;
constexpr long max_bytes_each = 2500;

// Returns resident memory and page tables, in bytes.
long memory() {
    std::FILE* const status = std::fopen("/proc/self/status", "r");
    std::array<char, 256> line{};
    long kib = 0;
    while (std::fgets(line.data(), line.size(), status) != nullptr)
        if (std::strncmp(line.data(), "VmRSS:", 6) == 0 || std::strncmp(line.data(), "VmPTE:", 6) == 0)
            kib += std::atol(line.data() + 6);
    std::fclose(status);
    return kib * 1024;
}

fiber::mutex lock;
long total = 0;

// The contents of most programs: strings, vectors, smart pointers, locks, and objects to destroy.
void ordinary_code(long n) {
    auto const name = std::make_unique<std::string>("a name that is allocated, number " + std::to_string(n));
    std::vector<long> numbers(10, n);
    auto const shared = std::make_shared<std::vector<long>>(std::move(numbers));
    std::scoped_lock const hold(lock);
    total += static_cast<long>(name->size()) + shared->front();
}

void wait_as_one_of_many(long n, fiber::chan<int> const& end) {
    ordinary_code(n);
    static_cast<void>(end.recv());
    ordinary_code(n);
}

} // namespace

int main() {
    fiber::chan<int> const end;
    fiber::wait_group all;
    fiber::run([] { ordinary_code(0); }); // makes the objects that are made once
    long const before = memory();
    for (long n = 0; n < tasks; ++n)
        all.go([&, n] { wait_as_one_of_many(n, end); });
    while (fiber::runtime::global().stats().fibers_parked != tasks)
        sched_yield();
    long const each = (memory() - before) / tasks;
    end.close();
    all.wait();
    std::printf(each <= max_bytes_each ? "enough room\n" : "%ld bytes each\n", each);
}
