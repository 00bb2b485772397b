// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// part.hpp: what the file without exceptions and RTTI has.
#pragma once

#include <fiber/chan.hpp>
#include <fiber/context.hpp>
#include <fiber/future.hpp>

// A future of a fiber that waits for the operand.
fiber::future<int> twice(fiber::future<int> operand);
// Sends 1, 2 and 3, and closes the channel.
void fill(fiber::chan<int> const&);
// Adds a value of type int to the context; reads the one that it has.
fiber::context with_number(fiber::context const&, int);
int number_of(fiber::context const&);
