-- Errors are answers with status 400 and above. Percentiles are by nearest rank:
-- the smallest latency that p% of the requests do not exceed.
WITH ranked AS (
    SELECT apiid, api_name, requesttime, responsecode,
           row_number() OVER (PARTITION BY apiid ORDER BY requesttime) AS rank,
           count(*) OVER (PARTITION BY apiid)                          AS n
    FROM tyk_analytics
)
SELECT api_name                                                       AS "API",
       n                                                              AS "requests",
       100.0 * sum(responsecode >= 400) / n                           AS "errors %",
       100.0 * sum(responsecode >= 500) / n                           AS "5xx %",
       max(CASE WHEN rank = (n * 50 + 99) / 100 THEN requesttime END) AS "p50 ms",
       max(CASE WHEN rank = (n * 95 + 99) / 100 THEN requesttime END) AS "p95 ms"
FROM ranked
GROUP BY apiid
ORDER BY n DESC, api_name
LIMIT 20;
