select
    c.customer_id,
    c.full_name,
    c.email,
    c.country,
    count(o.order_id) as order_count,
    sum(o.order_total) as lifetime_value,
    cast(sum(case when o.status = 'returned' then 1 else 0 end) as integer) as returned_count,
    max(o.ordered_at) as last_ordered_at
from {{ ref('stg_customers') }} as c
left join {{ ref('fct_orders') }} as o on o.customer_id = c.customer_id
group by c.customer_id, c.full_name, c.email, c.country
