// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// How long does a real job take: a word searched in every file below a directory, one task a file, results
// through a channel?
#pragma once

#include "perf/workload.hpp"
#include "perf/workloads/word_count.hpp"

#include <numeric>
#include <system_error>

namespace perf {
// Threads may reach the limit of the machine: then this waits until some have ended.
template <class Competitor, class F>
void go_when_possible(F const& f) {
    for (;;) {
        try {
            return Competitor::go(f);
        } catch (std::system_error const&) {
            Competitor::sleep_for(std::chrono::milliseconds(1));
        }
    }
}

template <class Competitor>
std::int64_t count_in(std::vector<std::filesystem::path> const& files, std::string_view word) {
    typename Competitor::template chan<std::int64_t> results(128);
    typename Competitor::thread starter([&, results] {
        for (auto const& file : files)
            go_when_possible<Competitor>([&file, word, results] { results.send(count_word(file, word)); });
    });
    std::int64_t total = 0;
    for (std::size_t i = 0; i < files.size(); ++i)
        total += results.recv().value();
    starter.join();
    return total;
}

template <class Competitor>
outcome search_all(job const& j) {
    auto const files = files_below(j.dir);
    auto const expected =
        std::accumulate(files.begin(), files.end(), std::int64_t{0}, [&](std::int64_t sum, auto const& file) {
            return sum + count_word(file, j.word); // this also brings the files into the page cache
        });
    return Competitor::run([&] {
        auto const start = clock::now();
        auto const total = count_in<Competitor>(files, j.word);
        nanoseconds const took = clock::now() - start;
        verify(total == expected, "as many words as a plain loop finds");
        return outcome{.value = static_cast<double>(took.count()), .tasks = std::ssize(files)};
    });
}

} // namespace perf
