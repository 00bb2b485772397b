// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stops.cpp: stop requests without a machine to keep: all fibers of a schedule share one OS thread.
#include <fiber/stop_token.hpp>

bool fiber::stop_source::request_stop() const noexcept { return std::stop_source::request_stop(); }
