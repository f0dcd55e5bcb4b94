SELECT count(*)                                     AS requests,
       count(DISTINCT apiid)                        AS apis,
       count(DISTINCT orgid)                        AS organisations,
       count(DISTINCT apikey)                       AS keys,
       coalesce(sum(responsecode >= 400), 0)        AS errors,
       coalesce(substr(min(timestamp), 1, 19), '-') AS first,
       coalesce(substr(max(timestamp), 1, 19), '-') AS last
FROM tyk_analytics;
