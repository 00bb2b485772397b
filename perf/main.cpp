// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// The program behind ./perf/run: it prints each of its tables. Started again as a child, it measures what a
// table about fibers alone asks.
#include "perf/comparison.hpp"
#include "perf/competitors/fiber.hpp"
#include "perf/net/table.hpp"
#include "perf/standalone/standalone.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <string_view>

namespace {

using namespace perf;

struct named_table {
    std::string_view name;
    int (*print)(job const&);
};

constexpr named_table tables[] = {
    {"curve", standalone::curve},     {"idle", standalone::idle},     {"blocked", standalone::blocked},
    {"latency", standalone::latency}, {"stacks", standalone::stacks}, {"starvation", standalone::starvation},
};

service standalone_service() {
    service all{"fibers alone", competitors::fibers::use, nullptr, {}};
    for (auto* entries : {standalone::curve_entries, standalone::idle_entries, standalone::blocked_entries,
                          standalone::stacks_entries, standalone::starvation_entries, net::beside_entries})
        for (auto& e : entries())
            all.entries.push_back(std::move(e));
    return all;
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc > 3 && argv[1][0] != '-') // NAME COUNT PROCESSORS
            return serve(argc, argv, standalone_service());
        auto const o = parse(argc, argv);
        if (o.what == "net")
            return net::table(o);
        for (auto const& t : tables)
            if (t.name == o.what)
                return t.print(o.work);
        return compare(o);
    } catch (std::exception const& e) {
        std::fprintf(stderr, "perf/run: %s\n", e.what());
        return EXIT_FAILURE;
    }
}
