module tailrace

go 1.25
