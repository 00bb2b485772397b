// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// pipeline: three stages connected by channels. The second stage has four fibers. The buffers are bounded, so
// no stage runs ahead of the others. A stage that waits blocks no thread.
#include <fiber/fiber.hpp>

#include <cstdint>
#include <cstdio>

using numbers = fiber::chan<std::uint64_t>;

namespace {

numbers count_to(std::uint64_t last) {
    numbers out(16);
    fiber::go([=] {
        for (std::uint64_t n = 1; n <= last; ++n)
            out.send(n);
        out.close();
    });
    return out;
}

numbers square(numbers in, int workers) {
    numbers out(16);
    fiber::go([=] {
        fiber::wait_group group;
        for (int i = 0; i < workers; ++i)
            group.go([=] {
                for (std::uint64_t n : in)
                    out.send(n * n);
            });
        group.wait();
        out.close();
    });
    return out;
}

} // namespace

int main() {
    std::uint64_t sum = 0;
    for (std::uint64_t n : square(count_to(1000), 4))
        sum += n;
    std::printf("1² + 2² + … + 1000² = %llu\n", static_cast<unsigned long long>(sum));
}
