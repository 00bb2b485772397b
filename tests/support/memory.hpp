// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// memory.hpp: reads the memory use of this process from the kernel.
#pragma once

#include <cstddef>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>

namespace tests {

inline constexpr std::size_t kib = 1024, mib = 1024 * kib;

// True if resident memory is a measure of the library. Sanitizers add memory for each byte that is used.
inline constexpr bool memory_is_ours =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    false;
#else
    true;
#endif
#else
    true;
#endif

inline std::size_t resident_memory() {
    std::size_t all = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// Returns the size of the page tables of this process. Resident memory does not include it.
inline std::size_t page_tables() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (constexpr std::string_view key = "VmPTE:"; line.starts_with(key))
            return std::stoul(line.substr(key.size())) * kib;
    return 0;
}

// Returns the number of mappings that overlap the range.
inline std::size_t map_entries(void const* begin, std::size_t size) {
    auto const from = reinterpret_cast<std::size_t>(begin);
    std::size_t count = 0;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        std::size_t dash = 0;
        auto const first = std::stoull(line, &dash, 16);
        auto const last = std::stoull(line.substr(dash + 1), nullptr, 16);
        count += first < from + size && last > from;
    }
    return count;
}

} // namespace tests
