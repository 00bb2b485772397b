// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hangs: the program of the README's section "When something hangs". Nobody sends the jobs.

#include <fiber/fiber.hpp>

#include <vector>

[[gnu::noinline]] int work(fiber::chan<int> jobs) {
    int sum = 0;
    for (int job : jobs)
        sum += job;
    return sum;
}

int main() {
    fiber::chan<int> jobs;
    std::vector<fiber::handle> workers;
    for (int i = 0; i < 2; ++i)
        workers.push_back(fiber::go([jobs] { return work(jobs); }));
    fiber::go({.name = "boss"}, [&workers] { workers[0].join(); }).join();
}
