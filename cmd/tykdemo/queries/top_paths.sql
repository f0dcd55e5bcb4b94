SELECT method || ' ' || path                       AS "path",
       api_name                                    AS "API",
       count(*)                                    AS "requests",
       100.0 * sum(responsecode >= 400) / count(*) AS "errors %",
       avg(requesttime)                            AS "average ms"
FROM tyk_analytics
GROUP BY apiid, method, path
ORDER BY count(*) DESC, path
LIMIT 8;
