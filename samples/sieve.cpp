// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// sieve [LIMIT]: prints the primes up to LIMIT, by a chain of filters. Each prime adds a fiber to the
// chain, which passes on the numbers that the prime does not divide. The filters are connected by
// unbuffered channels, and mostly wait.
#include <fiber/fiber.hpp>

#include <charconv>
#include <cstdio>
#include <cstring>

using numbers = fiber::chan<int>;

namespace {

numbers count_to(int limit) {
    numbers out;
    fiber::go([=] {
        for (int n = 2; n <= limit; ++n)
            out.send(n);
        out.close();
    });
    return out;
}

numbers without_multiples(numbers in, int prime) {
    numbers out;
    fiber::go([=] {
        for (int n : in)
            if (n % prime != 0)
                out.send(n);
        out.close();
    });
    return out;
}

} // namespace

int main(int argc, char** argv) {
    int limit = 100;
    if (argc > 1) {
        char const* const end = argv[1] + std::strlen(argv[1]);
        auto const [stop, error] = std::from_chars(argv[1], end, limit);
        if (argc > 2 || stop != end || error != std::errc() || limit > 1'000'000) {
            std::fprintf(stderr,
                         "usage: sieve [LIMIT]    the primes up to LIMIT, at most 1000000 (default: 100)\n");
            return 2;
        }
    }
    numbers candidates = count_to(limit);
    while (auto const prime = candidates.recv()) {
        std::printf("%d\n", *prime);
        candidates = without_multiples(candidates, *prime);
    }
}
