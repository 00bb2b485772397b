// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// A histogram of latencies. A value is known to within one part in 64.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace perf::net {

class histogram {
public:
    void add(std::uint64_t ns) { ++counts_[index_of(ns)]; }
    void clear() { counts_.fill(0); }
    [[nodiscard]] std::uint64_t count() const {
        std::uint64_t sum = 0;
        for (auto const n : counts_)
            sum += n;
        return sum;
    }
    // Returns the value that this part of all values does not exceed; 0 if there are none.
    [[nodiscard]] double quantile(double part) const {
        auto const rank = part * static_cast<double>(count());
        double seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += static_cast<double>(counts_[i]);
            if (counts_[i] != 0 && seen >= rank)
                return middle_of(i);
        }
        return 0;
    }

private:
    // Values below 64 have a cell each. Each power of two above has 64 cells.
    static constexpr unsigned bits = 6;
    static std::size_t index_of(std::uint64_t v) {
        auto const shift = v >> bits == 0 ? 0U : static_cast<unsigned>(std::bit_width(v)) - bits - 1;
        return (std::size_t{shift} << bits) + (v >> shift);
    }
    static double middle_of(std::size_t i) {
        if (i >> (bits + 1) == 0)
            return static_cast<double>(i);
        auto const shift = (i >> bits) - 1;
        auto const first = (i - (shift << bits)) << shift;
        return static_cast<double>(first) + static_cast<double>((std::size_t{1} << shift) - 1) / 2;
    }

    std::array<std::uint64_t, 64 << bits> counts_{};
};

} // namespace perf::net
