// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What is going on, on standard error: one line, rewritten in place on a terminal; else a line for each
// finished row.
#pragma once

#include <string_view>

namespace perf {

class progress {
public:
    progress();
    ~progress(); // clears the line

    void now(std::string_view what);  // shown on a terminal only
    void done(std::string_view what); // shown elsewhere only
    void complain(std::string_view what);

private:
    bool const terminal_;
};

} // namespace perf
