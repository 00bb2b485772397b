// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// dumped.hpp: what runtime::dump prints, as a string.
#pragma once

#include <fiber/runtime.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace tests {

[[nodiscard]] inline std::string dumped(fiber::runtime const& r) {
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* const stream = ::open_memstream(&text, &size);
    r.dump(stream);
    std::fclose(stream);
    std::string const all(text, size);
    std::free(text);
    return all;
}

} // namespace tests
