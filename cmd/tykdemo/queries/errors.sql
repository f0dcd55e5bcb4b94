-- With a single max(), SQLite takes the bare column api_name from the row that has it.
WITH counted AS (
    SELECT responsecode, api_name, count(*) AS n
    FROM tyk_analytics
    WHERE responsecode >= 400
    GROUP BY responsecode, api_name
)
SELECT responsecode AS "status",
       sum(n)       AS "requests",
       api_name     AS "mostly from",
       max(n)       AS "of these"
FROM counted
GROUP BY responsecode
ORDER BY sum(n) DESC, responsecode
LIMIT 8;
