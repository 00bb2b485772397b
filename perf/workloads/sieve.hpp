// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How long does it take to find the n-th prime by a chain of filters? Each prime has one task, which waits on
// an unbuffered channel for the task before it.
#pragma once

#include "perf/workload.hpp"

#include <vector>

namespace perf {

// The numbers end there, and the filters end one after the other.
inline std::int64_t prime_number(std::int64_t n) {
    std::vector<std::int64_t> primes;
    for (std::int64_t i = 2; static_cast<std::int64_t>(primes.size()) < n; ++i) {
        bool prime = true;
        for (auto p = primes.begin(); prime && p != primes.end() && *p * *p <= i; ++p)
            prime = i % *p != 0;
        if (prime)
            primes.push_back(i);
    }
    return primes.back();
}

template <class Competitor>
outcome sieve_to_prime(std::int64_t n) {
    auto const last = prime_number(n);
    return Competitor::run([n, last] {
        using chan = typename Competitor::template chan<std::int64_t>;
        std::vector<typename Competitor::thread> filters;
        auto const start = clock::now();
        chan numbers(0);
        filters.emplace_back([numbers, last] {
            for (std::int64_t i = 2; i <= last; ++i)
                numbers.send(i);
            numbers.close();
        });
        std::int64_t prime = 0;
        for (std::int64_t found = 1;; ++found) {
            prime = numbers.recv().value();
            if (found == n)
                break;
            chan rest(0);
            filters.emplace_back([numbers, rest, prime] {
                while (auto v = numbers.recv())
                    if (*v % prime != 0)
                        rest.send(*v);
                rest.close();
            });
            numbers = rest;
        }
        auto const took = clock::now() - start;
        for (auto& f : filters)
            f.join();
        verify(prime == last, "the prime is the right one");
        return whole(took);
    });
}

} // namespace perf
