#include <fiber/fiber.hpp>

#include <cstdio>

int main() {
    fiber::run([] {
        fiber::chan<int> squares;
        fiber::go([=] {
            for (int i = 1; i <= 3; ++i)
                squares.send(i * i);
            squares.close();
        });
        for (int n : squares)
            std::printf("%d\n", n); // 1 4 9
    });
}
