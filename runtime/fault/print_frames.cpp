// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/fault/print_frames.hpp"

#include "runtime/sched/overflow_report.hpp"

#include "asm/switch/walk.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>

namespace fiber::rt {
namespace {

// An endless recursion has thousands of frames between the first ones and the last ones.
struct places {
    std::size_t count = 0;
    std::array<void*, 24> first{};
    std::array<void*, 8> last{};

    void note(void* place) noexcept {
        (count < first.size() ? first[count] : last[count % last.size()]) = place;
        ++count;
    }
    void print_all() const noexcept {
        for (std::size_t i = 0; i < std::min(count, first.size()); ++i)
            print_place("    ", first[i]);
        std::size_t const rest = count - std::min(count, first.size());
        if (rest > last.size()) {
            char line[64];
            auto const n = std::snprintf(line, sizeof line, "    … %zu more …\n", rest - last.size());
            print({line, static_cast<std::size_t>(n)});
        }
        for (std::size_t i = count - std::min(rest, last.size()); i < count; ++i)
            print_place("    ", last[i % last.size()]);
    }
};

bool note(void* to, void* place) noexcept {
    static_cast<places*>(to)->note(place);
    return true;
}

} // namespace

void print_frames(std::uintptr_t from) noexcept {
    places seen;
    arch::walk_self(from, note, &seen);
    if (seen.count == 0)
        seen.note(reinterpret_cast<void*>(from));
    seen.print_all();
}

} // namespace fiber::rt
