// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What does a chain of goroutines cost, each of which waits for the one before it?
package main

import "time"

func primeNumber(n int) int {
	var primes []int
	for i := 2; len(primes) < n; i++ {
		prime := true
		for _, p := range primes {
			if p*p > i {
				break
			}
			if i%p == 0 {
				prime = false
				break
			}
		}
		if prime {
			primes = append(primes, i)
		}
	}
	return primes[n-1]
}

func sieveToPrime(n int) time.Duration {
	last := primeNumber(n)
	start := time.Now()
	numbers := make(chan int)
	go func(out chan<- int) {
		for i := 2; i <= last; i++ {
			out <- i
		}
		close(out)
	}(numbers)
	prime := 0
	for found := 1; ; found++ {
		prime = <-numbers
		if found == n {
			break
		}
		rest := make(chan int)
		go func(in <-chan int, out chan<- int, prime int) {
			for v := range in {
				if v%prime != 0 {
					out <- v
				}
			}
			close(out)
		}(numbers, rest, prime)
		numbers = rest
	}
	took := time.Since(start)
	verify(prime == last, "the prime is the right one")
	return took
}
