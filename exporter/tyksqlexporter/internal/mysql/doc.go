// Package mysql is the driver of MySQL 5.7 and later, and of MariaDB 10.3 and later.
package mysql
