module keep-vip

go 1.25

require tailrace v0.0.0

replace tailrace => ./sdk/go
