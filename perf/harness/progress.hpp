// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Shows progress on standard error. On a terminal it is one line, rewritten in place. Elsewhere each finished
// row has a line.
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
