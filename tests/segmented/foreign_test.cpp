// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Calls of code compiled without split stacks, from fibers with small stacks.

#include "tests/segmented/at_each_depth.hpp"
#include "tests/support/catch.hpp"

#include <fiber/fiber.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iomanip>
#include <locale>
#include <map>
#include <memory>
#include <netdb.h>
#include <numeric>
#include <random>
#include <regex>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

std::vector<int> shuffled(int n) {
    std::vector<int> numbers(static_cast<std::size_t>(n));
    std::iota(numbers.begin(), numbers.end(), 0);
    std::shuffle(numbers.begin(), numbers.end(), std::minstd_rand(7));
    return numbers;
}

TEST_CASE("printf and similar functions work at each depth", "[segmented]") {
    bool right = true;
    tests::at_each_depth([&] {
        std::array<char, 200> text{};
        int const n = std::snprintf(text.data(), text.size(), "%d %s %.30f %Lg", 7, "seven", 7.5, 7.25L);
        right = right && n == 45 && std::string(text.data(), 8) == "7 seven ";
    });
    CHECK(right);
}

TEST_CASE("streams, locales and files work", "[segmented]") {
    fiber::run([] {
        std::ostringstream out;
        out.imbue(std::locale::classic());
        out << std::setw(8) << 3.25 << ' ' << std::hex << 255 << std::boolalpha << true;
        CHECK(out.str() == "    3.25 fftrue");
        CHECK(std::use_facet<std::ctype<char>>(std::locale()).toupper('x') == 'X');

        auto const folder = std::filesystem::temp_directory_path() /
                            ("fiber-segmented-" + std::to_string(reinterpret_cast<std::uintptr_t>(&out)));
        std::filesystem::create_directories(folder / "below");
        std::ofstream(folder / "below" / "file") << "two words";
        std::string first, second;
        std::ifstream(folder / "below" / "file") >> first >> second;
        CHECK(second == "words");
        int entries = 0;
        for ([[maybe_unused]] auto const& entry : std::filesystem::recursive_directory_iterator(folder))
            ++entries;
        CHECK(entries == 2);
        CHECK(std::filesystem::remove_all(folder) == 3);
        CHECK_THROWS_AS(std::filesystem::file_size(folder / "gone"), std::filesystem::filesystem_error);
    });
}

TEST_CASE("regular expressions recurse once for each character of the text", "[segmented]") {
    fiber::run([] {
        std::string const text(20'000, 'a');
        CHECK(std::regex_match(text, std::regex("(a|b)*")));
        std::smatch found;
        std::string const line = "key = value";
        REQUIRE(std::regex_match(line, found, std::regex(R"((\w+)\s*=\s*(\w+))")));
        CHECK(found[2] == "value");
    });
}

TEST_CASE("names are resolved and libraries loaded", "[segmented]") {
    fiber::run([] {
        addrinfo* found = nullptr;
        REQUIRE(::getaddrinfo("localhost", "80", nullptr, &found) == 0);
        ::freeaddrinfo(found);
        void* const library = ::dlopen("libm.so.6", RTLD_NOW);
        REQUIRE(library != nullptr);
        auto* const cosine = reinterpret_cast<double (*)(double)>(::dlsym(library, "cos"));
        REQUIRE(cosine != nullptr);
        CHECK(cosine(0) == 1);
        ::dlclose(library);
    });
}

TEST_CASE("containers, smart pointers and functions work at each depth", "[segmented]") {
    bool right = true;
    tests::at_each_depth([&] {
        std::map<std::string, std::shared_ptr<int>> ordered;
        std::unordered_map<std::string, std::unique_ptr<int>> hashed;
        for (int n = 0; n < 20; ++n) {
            ordered["a key that is not short " + std::to_string(n)] = std::make_shared<int>(n);
            hashed[std::to_string(n)] = std::make_unique<int>(n);
        }
        std::function<int(int)> const twice = [&](int n) { return *hashed[std::to_string(n)] * 2; };
        right = right && twice(7) == 14 && *ordered.begin()->second == 0;
    });
    CHECK(right);
}

TEST_CASE("sorting works, also with a parking comparison", "[segmented]") {
    fiber::run([] {
        std::vector<int> numbers = shuffled(10'000);
        std::sort(numbers.begin(), numbers.end());
        CHECK(std::is_sorted(numbers.begin(), numbers.end()));

        std::vector<fiber::handle> all;
        std::array<bool, 10> sorted{};
        for (bool& mine : sorted)
            all.push_back(fiber::go([&mine] {
                std::vector<int> own = shuffled(300);
                std::qsort(own.data(), own.size(), sizeof(int), [](void const* a, void const* b) {
                    fiber::this_fiber::yield();
                    return *static_cast<int const*>(a) - *static_cast<int const*>(b);
                });
                mine = std::is_sorted(own.begin(), own.end());
            }));
        for (fiber::handle& h : all)
            h.join();
        CHECK(std::all_of(sorted.begin(), sorted.end(), [](bool b) { return b; }));
    });
}

} // namespace
